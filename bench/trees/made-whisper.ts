import type { AggregationMethod } from '../../lib/whisper/aggregation.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import type { ArchiveSpec } from '../../lib/whisper/schema.ts';
import type { Series } from './series.ts';

export interface MadeWhisperOptions {
  /** Finest first. */
  readonly archives: readonly ArchiveSpec[];
  readonly method: Extract<AggregationMethod, 'average' | 'last'>;
  /** Unix time of the newest point, in seconds. */
  readonly now: number;
}

/**
 * Creates a complete Whisper file. Coarser archives are aggregated from the next finer one where it reaches. Averages
 * have many more digits than last values, and compress much worse.
 *
 * Many times faster than storing point by point, which large trees need.
 */
export function madeWhisper(series: Series, { archives, method, now }: MadeWhisperOptions): Uint8Array {
  const bytes = createWhisper(archives, { aggregation: method });
  const view = new DataView(bytes.buffer);
  let finer: Slots | undefined;
  for (const { offset, secondsPerPoint: step, points } of parseHeader(bytes).archives) {
    const here = new Slots(now - (now % step) - (points - 1) * step, step, points);
    for (let time = here.begin; time < here.end; time += step) {
      const value = aggregate(series, time, finer, finer === undefined ? 1 : step / finer.step, method);
      if (value === undefined) continue;
      here.put(time, value);
      const at = offset + 12 * ((time / step) % points);
      view.setUint32(at, time);
      view.setFloat64(at + 4, value);
    }
    finer = here;
  }
  return bytes;
}

/** Aggregates one slot. Slots older than the finer archive are aggregated from the series itself. */
function aggregate(
  series: Series,
  time: number,
  finer: Slots | undefined,
  parts: number,
  method: 'average' | 'last',
): number | undefined {
  let sum = 0;
  let known = 0;
  let last: number | undefined;
  for (let n = 0; n < parts; n++) {
    const value = finer?.get(time + n * finer.step) ?? series(time);
    if (value === undefined) continue;
    sum += value;
    known++;
    last = value;
  }
  return known === 0 || method === 'last' ? last : sum / known;
}

/** The values of one archive by time. */
class Slots {
  readonly begin: number;
  readonly end: number;
  readonly step: number;
  readonly #values: Float64Array;

  constructor(begin: number, step: number, points: number) {
    this.begin = begin;
    this.end = begin + step * points;
    this.step = step;
    this.#values = new Float64Array(points).fill(Number.NaN);
  }

  put(time: number, value: number): void {
    this.#values[(time - this.begin) / this.step] = value;
  }

  get(time: number): number | undefined {
    const value = this.#values[(time - this.begin) / this.step];
    return value === undefined || Number.isNaN(value) ? undefined : value;
  }
}
