import { InvalidOptionError } from '../common/errors.ts';

/** A range of time. A point is inside if its timestamp is, which is the start of its interval. */
export interface Window {
  /** Unix time in seconds, inclusive. */
  readonly from: number;
  /** Unix time in seconds, exclusive. */
  readonly until: number;
  /** Remove the points inside that the source does not have. */
  readonly erase: boolean;
}

/** @throws InvalidOptionError if the window ends before it begins. */
export function checkWindow({ from, until }: Window): void {
  if (from < until) return;
  const text = (time: number) => (Number.isFinite(time) ? new Date(time * 1000).toISOString() : String(time));
  throw new InvalidOptionError(
    `Cannot restore a window: it begins at ${text(from)}, not before its end at ${text(until)}: --until must be later than --from`,
  );
}
