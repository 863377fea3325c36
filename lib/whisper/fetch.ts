import type { Slot } from './aggregation.ts';
import { WhisperError } from './errors.ts';
import { type Archive, type Header, parseHeader } from './header.ts';
import { alignDown, Ring, slotsRead } from './points.ts';

/** Which points to read. All times are seconds since the epoch. */
export interface FetchOptions {
  /** Exclusive: the first interval that is read is the one after it. A fraction is cut off. */
  readonly from: number;
  /** Inclusive. A fraction is cut off. @default now */
  readonly until?: number;
  /** A fraction is floored. */
  readonly now: number;
  /** The step of the archive to read, in seconds. @default the finest that reaches back to `from` */
  readonly archive?: number;
}

/** A row of values. */
export interface Series {
  /** The first interval. */
  readonly from: number;
  /** The interval behind the last. */
  readonly until: number;
  /** Seconds between two values. */
  readonly step: number;
  /** Oldest first; undefined where there is no point. Never more than the archive has slots, even where more are asked for. */
  readonly values: readonly Slot[];
}

/**
 * Reads the points in (from, until]. A range of no length reads one point: the one behind it.
 *
 * @returns undefined when all of the range is in the future, or older than the longest retention.
 * @throws WhisperError `WHISPER_INVALID_INTERVAL` when `from` is after `until`, or the file has no archive of that step;
 *   `WHISPER_DAMAGED` or `WHISPER_COMPRESSED` when the file is not usable.
 */
export function fetchPoints(bytes: Uint8Array, options: FetchOptions): Series | undefined {
  const header = parseHeader(bytes);
  const now = Math.floor(options.now);
  const from = Math.trunc(options.from);
  const until = Math.trunc(options.until ?? now);
  if (!(from <= until)) {
    throw new WhisperError('WHISPER_INVALID_INTERVAL', `The range begins at ${from}, after it ends at ${until}`);
  }
  const oldest = now - header.maxRetention;
  if (from > now || until < oldest) return undefined;

  const begin = Math.max(from, oldest);
  const archive = chooseArchive(header, now - begin, options.archive);
  const longest = Math.max(...header.archives.map(({ retention }) => retention));
  const most = options.archive === undefined ? archive.points : Math.ceil(longest / archive.secondsPerPoint);
  return readSeries(bytes, archive, { from: begin, until: Math.min(until, now), most });
}

function chooseArchive(header: Header, age: number, step: number | undefined): Archive {
  const archive =
    step === undefined
      ? // A stale longest retention may reach back further than all archives: Whisper takes the last one then.
        (header.archives.find(({ retention }) => retention >= age) ?? header.archives.at(-1))
      : header.archives.find(({ secondsPerPoint }) => secondsPerPoint === step);
  if (archive !== undefined) return archive;
  const steps = header.archives.map((candidate) => candidate.secondsPerPoint).join(', ');
  throw new WhisperError(
    'WHISPER_INVALID_INTERVAL',
    `There is no archive of ${step} s; the file has those of ${steps} s`,
  );
}

function readSeries(
  bytes: Uint8Array,
  archive: Archive,
  { from, until, most }: { readonly from: number; readonly until: number; readonly most: number },
): Series {
  const step = archive.secondsPerPoint;
  const first = alignDown(from, step) + step;
  const last = alignDown(until, step) + step;
  const end = first === last ? last + step : last;
  const ring = new Ring(bytes, archive);
  const count = (end - first) / step;
  // Whisper answers an empty archive in full length, a written one as far as its ring goes. The full length is bounded
  // here, since a stale longest retention may ask for billions of slots.
  const values = ring.read(first, ring.base === 0 ? Math.min(count, most) : slotsRead(count, archive.points));
  return { from: first, until: end, step, values };
}
