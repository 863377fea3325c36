import { type AggregationRule, consolidate } from './aggregation.ts';
import type { Archive } from './header.ts';
import { Ring } from './points.ts';

/** An archive that gives points to gaps of another: as they are, or consolidated into its coarser slots. */
export class Donor {
  readonly ring: Ring;
  /** Bounds of all timestamps that stand in it, so that most slots beyond them cost nothing. */
  readonly #oldest: number;
  readonly #newest: number;

  constructor(bytes: Uint8Array, archive: Archive) {
    this.ring = new Ring(bytes, archive);
    let oldest = Infinity;
    let newest = 0;
    for (let i = 0; this.ring.base !== 0 && i < archive.points; i++) {
      const timestamp = this.ring.timestampAt(i);
      if (timestamp === 0) continue;
      oldest = Math.min(oldest, timestamp);
      newest = Math.max(newest, timestamp);
    }
    this.#oldest = oldest;
    this.#newest = newest;
  }

  /** The 12 bytes of the point at an interval of its own step, or undefined. */
  pointAt(interval: number): Uint8Array | undefined {
    if (this.ring.base === 0) return undefined;
    const index = this.ring.indexOf(interval);
    return this.ring.timestampAt(index) === interval ? this.ring.bytesAt(index) : undefined;
  }

  /** The value of the coarser slot at `interval`, or undefined when too few of its points are known. */
  consolidated(interval: number, step: number, rule: AggregationRule): number | undefined {
    if (interval > this.#newest || interval + step <= this.#oldest) return undefined;
    const count = step / this.ring.archive.secondsPerPoint;
    return consolidate(rule, this.ring.readKnown(interval, count), count);
  }
}
