import type { AggregationRule } from './aggregation.ts';
import { Donor, firstConsolidated, sameStep } from './donor.ts';
import type { Archive } from './header.ts';
import { alignDown, type Retained, Ring, retainedAt } from './points.ts';
import { aggregateAgain } from './reaggregation.ts';

interface LevelFillOptions {
  /** The whole file before the fill. */
  readonly before: Uint8Array;
  /** The whole file after the fill. This archive is filled in place; the finer ones are already filled. */
  readonly after: Uint8Array;
  readonly archive: Archive;
  readonly rule: AggregationRule;
  /** Whether existing values may be aggregated again from finer slots. */
  readonly mayReaggregate: boolean;
  /** Unix time in whole seconds. */
  readonly now: number;
}

export class LevelFill {
  readonly archive: Archive;
  /** 1 for each slot that was written. For millions of slots a Set would need forty times the memory. */
  readonly isChanged: Uint8Array;
  filled = 0;
  reaggregated = 0;

  readonly #retained: Retained;
  readonly #before: Ring;
  readonly #after: Ring;
  readonly #bytes: Uint8Array;
  readonly #rule: AggregationRule;
  readonly #mayReaggregate: boolean;

  constructor({ before, after, archive, rule, mayReaggregate, now }: LevelFillOptions) {
    this.archive = archive;
    this.isChanged = new Uint8Array(archive.points);
    this.#retained = retainedAt(now, archive);
    this.#before = new Ring(before, archive);
    this.#after = new Ring(after, archive);
    this.#bytes = after;
    this.#rule = rule;
    this.#mayReaggregate = mayReaggregate;
  }

  /**
   * @param donors archives of the source, in order of preference.
   * @param finer the next finer archive, already filled.
   */
  run(donors: readonly Donor[], finer: LevelFill | undefined): void {
    this.#fillGaps(donors, finer);
    if (finer !== undefined && this.#mayReaggregate) this.#aggregateAnew(finer, donors);
  }

  /**
   * Fills from old to new, so that the first point of an empty archive becomes its base, as with Whisper's
   * `update_many`.
   */
  #fillGaps(donors: readonly Donor[], finer: LevelFill | undefined): void {
    const step = this.archive.secondsPerPoint;
    const same = sameStep(donors, this.archive);
    const remote = donors.filter((donor) => donor !== same);
    const own = finer === undefined ? [] : [new Donor(this.#bytes, finer.archive, finer.#retained.oldest)];
    const ownFirst = [...own, ...remote];
    const ownLast = [...remote, ...own];
    const reach = finer === undefined ? Infinity : finer.#retained.oldest;
    const { oldest, newest } = this.#retained;
    for (let interval = oldest; interval <= newest; interval += step) {
      if (this.#isTaken(interval)) continue;
      const point = same?.pointAt(interval);
      if (point !== undefined) {
        this.#filled(this.#after.putBytes(interval, point));
        continue;
      }
      const value = firstConsolidated(interval >= reach ? ownFirst : ownLast, interval, step, this.#rule);
      if (value !== undefined) this.#filled(this.#after.put(interval, value));
    }
  }

  #filled(slot: number): void {
    this.isChanged[slot] = 1;
    this.filled++;
  }

  /** Whether the slot holds the point of this interval or a later one. */
  #isTaken(interval: number): boolean {
    const index = this.#after.indexOf(interval);
    const timestamp = this.#after.timestampAt(index);
    return timestamp === interval || (timestamp > interval && this.#after.isPointAt(index));
  }

  #aggregateAnew(finer: LevelFill, donors: readonly Donor[]): void {
    const step = this.archive.secondsPerPoint;
    const same = sameStep(donors, this.archive);
    const count = step / finer.archive.secondsPerPoint;
    for (const interval of finer.#changedIntervals(step)) {
      if (interval < finer.#retained.oldest) continue;
      const old = this.#after.get(interval);
      if (old === undefined || this.#isAgreed(interval, same)) continue;
      const value = aggregateAgain(this.#rule, { interval, count, before: finer.#before, after: finer.#after }, old);
      if (value === undefined || Object.is(value, old)) continue;
      const slot = this.#after.put(interval, value);
      if (this.isChanged[slot] === 0) this.reaggregated++;
      this.isChanged[slot] = 1;
    }
  }

  /** May yield an interval twice, if the end of the ring is in it. Not a Set: there may be a million. */
  *#changedIntervals(step: number): Generator<number> {
    let last: number | undefined;
    for (let slot = this.isChanged.indexOf(1); slot >= 0; slot = this.isChanged.indexOf(1, slot + 1)) {
      const interval = alignDown(this.#after.timestampAt(slot), step);
      if (interval !== last) yield interval;
      last = interval;
    }
  }

  /** Whether the local file and the source had the same value before the fill. */
  #isAgreed(interval: number, same: Donor | undefined): boolean {
    const local = this.#before.get(interval);
    return local !== undefined && Object.is(local, same?.ring.get(interval));
  }
}
