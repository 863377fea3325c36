import { createHash } from 'node:crypto';
import { createWhisper } from '../../lib/whisper/create.ts';
import { updateMany } from '../../lib/whisper/update.ts';

/** The content of a local file, now or when it was backed up. */
export interface Content {
  readonly bytes: Uint8Array;
  readonly sha1: string;
  /** Whether it is no whole Whisper data. */
  readonly isDamaged: boolean;
}

export function contentOf(bytes: Uint8Array, isDamaged = false): Content {
  return { bytes, sha1: createHash('sha1').update(bytes).digest('hex'), isDamaged };
}

/** One point per hour for two days, so that files of different days overlap. */
const ARCHIVE = { secondsPerPoint: 3600, points: 48 };

/** How far back such a file reaches, in seconds. */
export const REACH = ARCHIVE.secondsPerPoint * ARCHIVE.points;

/**
 * A Whisper file as carbon would have left it.
 *
 * @param seed makes the values.
 * @param time in milliseconds.
 * @param known how many of the last 48 hours have a point.
 */
export function written(seed: number, time: number, known: number): Content {
  const now = Math.floor(time / 1000);
  const last = now - (now % ARCHIVE.secondsPerPoint);
  const bytes = createWhisper([ARCHIVE]);
  const points = Array.from({ length: known }, (_, i) => ({
    timestamp: last - i * ARCHIVE.secondsPerPoint,
    value: Math.sin(seed + i),
  }));
  updateMany(bytes, points, { now });
  return contentOf(bytes);
}

/** The points of such a file, by timestamp: one archive, read here by the format's description. */
export function pointsOf({ bytes }: Content): Map<number, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const points = new Map<number, number>();
  const [start, count] = [view.getUint32(16), view.getUint32(24)];
  for (let i = 0; i < count; i++) {
    const timestamp = view.getUint32(start + i * 12);
    if (timestamp !== 0) points.set(timestamp, view.getFloat64(start + i * 12 + 4));
  }
  return points;
}
