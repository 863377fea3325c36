import { type Archive, type Header, parseHeader } from './header.ts';
import { alignDown, type Point, Ring } from './points.ts';

interface ArchiveInfo extends Archive {
  readonly known: number;
  /** Timestamps of the oldest and the newest point; absent if there is none. */
  readonly oldest?: number;
  readonly newest?: number;
}

interface Info extends Header {
  readonly archives: readonly ArchiveInfo[];
}

interface KnownOptions {
  /**
   * Unix time, rounded down to whole seconds. Excludes points later than this or older than the archive's retention. If
   * omitted, includes every point that is in its right slot.
   */
  readonly now?: number;
}

/**
 * Reads the header and counts the points.
 *
 * @throws WhisperError `WHISPER_DAMAGED` or `WHISPER_COMPRESSED` if the file is not usable.
 */
export function whisperInfo(bytes: Uint8Array, options: KnownOptions = {}): Info {
  const header = parseHeader(bytes);
  const archives = header.archives.map((archive) => {
    const points = knownPoints(bytes, archive, options);
    const oldest = points[0]?.timestamp;
    const newest = points[points.length - 1]?.timestamp;
    const span = oldest === undefined || newest === undefined ? {} : { oldest, newest };
    return { ...archive, known: points.length, ...span };
  });
  return { ...header, archives };
}

/**
 * Returns the points of one archive, oldest first.
 *
 * @param archive from the header of `bytes`.
 */
export function knownPoints(bytes: Uint8Array, archive: Archive, options: KnownOptions = {}): Point[] {
  const ring = new Ring(bytes, archive);
  const newest = options.now === undefined ? Infinity : alignDown(Math.floor(options.now), archive.secondsPerPoint);
  const oldest = options.now === undefined ? 1 : newest - archive.retention + archive.secondsPerPoint;
  const points: Point[] = [];
  for (let i = 0; i < archive.points; i++) {
    const timestamp = ring.timestampAt(i);
    if (timestamp < oldest || timestamp > newest || !ring.isPointAt(i)) continue;
    points.push({ timestamp, value: ring.valueAt(i) });
  }
  return points.sort((a, b) => a.timestamp - b.timestamp);
}
