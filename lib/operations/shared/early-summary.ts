import { codeOf, reasonOf } from '../../common/errors.ts';
import type { Summary, Tally } from '../../common/summary.ts';
import { StoreError } from '../../store/errors.ts';

export interface EarlySummaryOptions {
  /** Called with what was done so far when the store ends the run early; the error follows. */
  readonly onEndedEarly?: (summary: Summary) => void;
}

/** Runs an operation. If the store ends it early, once it was open, passes on what was done, and throws the error. */
export async function withEarlySummary<S extends Summary>(
  tally: Tally,
  about: Parameters<Tally['finish']>[0],
  { onEndedEarly }: EarlySummaryOptions,
  operation: () => Promise<S>,
): Promise<S> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof StoreError && tally.begun) {
      tally.stop(codeOf(error), reasonOf(error));
      onEndedEarly?.(tally.finish(about));
    }
    throw error;
  }
}
