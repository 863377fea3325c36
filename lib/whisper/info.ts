import { type Archive, type Header, parseHeader } from './header.ts';
import { alignDown, type Point, Ring } from './points.ts';

/** An archive and what is known in it. */
export interface ArchiveInfo extends Archive {
  /** How many slots hold a point. */
  readonly known: number;
  /** Timestamps of the oldest and the newest point; absent when there is none. */
  readonly oldest?: number;
  readonly newest?: number;
}

/** A file's header and what is known in each of its archives. */
export interface Info extends Header {
  readonly archives: readonly ArchiveInfo[];
}

/** Which points count. */
export interface KnownOptions {
  /**
   * Seconds since the epoch; a fraction is floored. Points in its future, or older than the archive's retention, are
   * left out. Without it, every point that stands in a slot where it belongs is taken.
   */
  readonly now?: number;
}

/**
 * Reads the header and counts the points.
 *
 * @throws WhisperError `WHISPER_DAMAGED` or `WHISPER_COMPRESSED` when the file is not usable.
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

/** Every point of one archive, oldest first. The archive is one of the header that was parsed from these bytes. */
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
