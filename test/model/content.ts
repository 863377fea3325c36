import { createHash } from 'node:crypto';
import { metricFile } from '../fixtures/metric.ts';

/** What a local file holds, or held when it was backed up. */
export interface Content {
  readonly bytes: Uint8Array;
  readonly sha1: string;
  /** Whether it is no whole Whisper data. */
  readonly isDamaged: boolean;
}

export function contentOf(bytes: Uint8Array, isDamaged = false): Content {
  return { bytes, sha1: createHash('sha1').update(bytes).digest('hex'), isDamaged };
}

/**
 * A Whisper file as carbon would have left it.
 *
 * @param seed makes the values.
 * @param now in milliseconds.
 * @param known how many of the last 60 minutes have a point.
 */
export function written(seed: number, now: number, known: number): Content {
  return contentOf(metricFile(seed, { now: Math.floor(now / 1000), known }));
}

/** How far back such a file reaches, in seconds. */
export const REACH = 3600;

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
