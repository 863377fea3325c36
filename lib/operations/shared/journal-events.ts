import type { DamagedJournal, JournalEvents } from '../../journal/runs.ts';
import { BucketMissingError, DeniedError, TransientError } from '../../store/errors.ts';

/**
 * Returns the events of an operation that applies a journal to backups. What is damaged is named and left out; an error
 * of the store ends the operation.
 */
export function journalEvents(
  signal: AbortSignal,
  onDamaged: (damaged: DamagedJournal) => void,
): Pick<JournalEvents, 'signal' | 'onDamaged'> {
  return {
    signal,
    onDamaged: (damaged) => {
      if (isUnavailable(damaged.error)) throw damaged.error;
      onDamaged(damaged);
    },
  };
}

/** Returns whether the store is at fault, not the object: files would lack points that are stored. */
function isUnavailable(error: unknown): boolean {
  if (error instanceof TransientError) return error.trouble !== 'wrong';
  return error instanceof DeniedError || error instanceof BucketMissingError;
}
