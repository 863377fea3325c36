import { type AggregationRule, consolidate } from './aggregation.ts';
import type { Archive } from './header.ts';
import { Ring } from './points.ts';

/** An archive that provides points for gaps of another, as they are or aggregated into coarser slots. */
export class Donor {
  readonly ring: Ring;
  readonly #retainedFrom: number;
  /** Bounds of all timestamps in it, to skip slots outside of them quickly. */
  readonly #oldest: number;
  readonly #newest: number;

  /**
   * @param bytes the whole file.
   * @param retainedFrom the interval before which points count as expired: a ring has them until they are overwritten.
   */
  constructor(bytes: Uint8Array, archive: Archive, retainedFrom = 0) {
    this.ring = new Ring(bytes, archive);
    this.#retainedFrom = retainedFrom;
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

  /** Returns the 12 bytes of the point at an interval of its own step, or undefined. */
  pointAt(interval: number): Uint8Array | undefined {
    if (this.ring.base === 0) return undefined;
    const index = this.ring.indexOf(interval);
    return this.ring.timestampAt(index) === interval ? this.ring.bytesAt(index) : undefined;
  }

  /** Returns the aggregated value of a coarser slot, or undefined if it has too few points. */
  consolidated(interval: number, step: number, rule: AggregationRule): number | undefined {
    if (interval > this.#newest || interval + step <= this.#oldest) return undefined;
    const { secondsPerPoint } = this.ring.archive;
    const from = Math.max(interval, this.#retainedFrom);
    if (from >= interval + step) return undefined;
    const slots = this.ring.readKnown(from, (interval + step - from) / secondsPerPoint);
    return consolidate(rule, slots, step / secondsPerPoint);
  }
}

/** Returns the archive of the same step. */
export function sameStep(donors: readonly Donor[], { secondsPerPoint }: Archive): Donor | undefined {
  return donors.find(({ ring }) => ring.archive.secondsPerPoint === secondsPerPoint);
}

/** Returns the aggregated value of a coarser slot from the first archive that has enough points. */
export function firstConsolidated(
  donors: readonly Donor[],
  interval: number,
  step: number,
  rule: AggregationRule,
): number | undefined {
  for (const donor of donors) {
    const value = donor.consolidated(interval, step, rule);
    if (value !== undefined) return value;
  }
  return undefined;
}
