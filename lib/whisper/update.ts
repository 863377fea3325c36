import { WhisperError } from './errors.ts';
import { parseHeader } from './header.ts';
import { alignDown, Ring } from './points.ts';
import { propagate } from './propagate.ts';
import { wholeSeconds } from './timestamp.ts';

/** One point to be stored. */
export interface UpdateOptions {
  readonly value: number;
  /** Seconds since the epoch. @default now */
  readonly timestamp?: number;
  /** Seconds since the epoch; a fraction is floored. */
  readonly now: number;
}

/**
 * Stores one point in the finest archive that reaches back to it, and propagates it into the coarser ones. Changes the
 * bytes given.
 *
 * @throws WhisperError `WHISPER_NOT_COVERED` when the point is in the future, or as old as the longest retention or
 *   older; `WHISPER_DAMAGED` or `WHISPER_COMPRESSED` when the file is not usable.
 */
export function update(bytes: Uint8Array, options: UpdateOptions): void {
  const header = parseHeader(bytes);
  const now = Math.floor(options.now);
  const timestamp = wholeSeconds(options.timestamp ?? now);
  const age = now - timestamp;
  const first = header.archives.findIndex((archive) => archive.retention >= age);
  const archive = header.archives[first];
  if (archive === undefined || !(age >= 0 && age < header.maxRetention)) {
    throw new WhisperError(
      'WHISPER_NOT_COVERED',
      `The timestamp ${timestamp} is ${age < 0 ? 'in the future of' : 'not covered by any archive at'} ${now}`,
    );
  }

  const interval = alignDown(timestamp, archive.secondsPerPoint);
  new Ring(bytes, archive).put(interval, options.value);
  let higher = archive;
  for (const lower of header.archives.slice(first + 1)) {
    if (!propagate(bytes, header, interval, higher, lower)) break;
    higher = lower;
  }
}
