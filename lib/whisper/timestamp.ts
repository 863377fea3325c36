import { WhisperError } from './errors.ts';

const MAX_TIMESTAMP = 2 ** 32 - 1;

/**
 * Whole seconds since the epoch, cut off towards zero as Whisper does.
 *
 * @throws WhisperError `WHISPER_INVALID_POINT` when a slot cannot hold it.
 */
export function wholeSeconds(timestamp: number): number {
  const seconds = Math.trunc(timestamp);
  if (seconds >= 0 && seconds <= MAX_TIMESTAMP) return seconds;
  throw new WhisperError(
    'WHISPER_INVALID_POINT',
    `A timestamp must be seconds since the epoch, 0 to ${MAX_TIMESTAMP}: got ${timestamp}`,
  );
}
