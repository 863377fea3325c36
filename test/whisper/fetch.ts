import { WhisperBackupError } from '../../lib/common/errors.ts';
import type { Slot } from '../../lib/whisper/aggregation.ts';
import { type Archive, type Header, parseHeader } from '../../lib/whisper/header.ts';
import { alignDown, Ring, slotsRead } from '../../lib/whisper/points.ts';

/** Which points to read. All times are Unix times in seconds. */
interface FetchOptions {
  /** Exclusive: the first interval in the result is the next one. Truncated to whole seconds. */
  readonly from: number;
  /** Inclusive. Truncated to whole seconds. @default now */
  readonly until?: number;
  /** Rounded down to whole seconds. */
  readonly now: number;
  /** The step of the archive to read, in seconds. @default that of the finest archive that reaches back to `from` */
  readonly archive?: number;
}

export interface Series {
  readonly from: number;
  /** The interval after the last. */
  readonly until: number;
  /** Seconds between values. */
  readonly step: number;
  /** Oldest first; undefined where there is no point. Never more values than the archive has slots. */
  readonly values: readonly Slot[];
}

/**
 * Reads the points in (from, until]. If `from` equals `until`, reads one point, that of the next interval.
 *
 * @returns undefined if the whole range is in the future or older than the longest retention.
 * @throws WhisperBackupError `WHISPER_INVALID_INTERVAL` if `from` is after `until`, or the file has no archive with
 *   that step.
 */
export function fetchPoints(bytes: Uint8Array, options: FetchOptions): Series | undefined {
  const header = parseHeader(bytes);
  const now = Math.floor(options.now);
  const from = Math.trunc(options.from);
  const until = Math.trunc(options.until ?? now);
  if (!(from <= until)) {
    throw new WhisperBackupError('WHISPER_INVALID_INTERVAL', `The range starts at ${from}, after its end ${until}`);
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
      ? // If the longest retention in the header exceeds all archives, Whisper reads the last archive.
        (header.archives.find(({ retention }) => retention >= age) ?? header.archives.at(-1))
      : header.archives.find(({ secondsPerPoint }) => secondsPerPoint === step);
  if (archive !== undefined) return archive;
  const steps = header.archives.map((candidate) => candidate.secondsPerPoint).join(', ');
  throw new WhisperBackupError(
    'WHISPER_INVALID_INTERVAL',
    `The file has no archive with a step of ${step} s, only ${steps} s`,
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
  // Whisper returns the full range for an empty archive, else at most one turn of its ring. The full range is bounded
  // here, because a wrong longest retention in the header may make it billions of slots.
  const values = ring.read(first, ring.base === 0 ? Math.min(count, most) : slotsRead(count, archive.points));
  return { from: first, until: end, step, values };
}
