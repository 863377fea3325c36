import { type AggregationRule, consolidate, type Slot } from './aggregation.ts';
import { Donor, firstConsolidated, sameStep } from './donor.ts';
import type { Archive } from './header.ts';
import { alignDown, type Retained, Ring, retainedAt } from './points.ts';
import { aggregateAgain, aggregatedBefore } from './reaggregation.ts';
import { CHANGED, FOREIGN, LEFT, SlotMarks } from './slot-marks.ts';
import type { Window } from './time-window.ts';

interface LevelWindowOptions {
  /** The whole file before the restore. */
  readonly before: Uint8Array;
  /** The whole file after it. This archive is changed in place; the finer ones already are. */
  readonly after: Uint8Array;
  readonly archive: Archive;
  readonly rule: AggregationRule;
  /** Whether existing values may be aggregated again from finer slots. */
  readonly mayReaggregate: boolean;
  /** In whole slots of the finest archive. */
  readonly window: Window;
  /** Unix time in whole seconds. */
  readonly now: number;
  /** Archives of the source, in order of preference. */
  readonly donors: readonly Donor[];
  readonly finer: LevelWindow | undefined;
}

/** One archive of a file in which a window is restored, by the rules of `planWindow`. */
export class LevelWindow {
  readonly archive: Archive;
  /** 1 for each slot that was written. */
  readonly isChanged: Uint8Array;
  readonly marks: SlotMarks;
  /** Whether the source has a value for a slot inside the window. */
  isGiven = false;
  filled = 0;
  replaced = 0;
  erased = 0;
  /** How many points inside the window did not change because the source has none. */
  kept = 0;

  readonly #options: LevelWindowOptions;
  readonly #before: Ring;
  readonly #after: Ring;
  readonly #retained: Retained;
  /** The source's archive of the same step. */
  readonly #same: Donor | undefined;
  /** The next finer archive, after its restore. */
  readonly #own: Donor | undefined;
  /** The marks of the finer slots in each. */
  readonly #inside: SlotMarks;

  constructor(options: LevelWindowOptions) {
    const { before, after, archive, now, donors, finer } = options;
    this.#options = options;
    this.archive = archive;
    this.isChanged = new Uint8Array(archive.points);
    this.#retained = retainedAt(now, archive);
    this.#before = new Ring(before, archive);
    this.#after = new Ring(after, archive);
    this.#same = sameStep(donors, archive);
    this.#own = finer && new Donor(after, finer.archive, finer.#retained.oldest);
    this.marks = new SlotMarks(archive, this.#retained, this.#before);
    this.#inside = new SlotMarks(archive, this.#retained, this.#before);
    if (finer) this.#inside.addFiner(finer.marks);
  }

  /** Of the future only slots that have a point change, and first: each takes the place of an older one. */
  run(): void {
    const { from, until } = this.#options.window;
    const step = this.archive.secondsPerPoint;
    // The window has no slot of the finest archive.
    if (from >= until) return;
    const { oldest, newest } = this.#retained;
    for (const at of this.#before.pointsAfter(newest)) if (at + step > from && at < until) this.#restore(at);
    const first = Math.max(oldest, alignDown(from, step));
    for (let at = first; at <= newest && at < until; at += step) this.#restore(at);
  }

  /** Restores a slot that overlaps the window. */
  #restore(interval: number): void {
    if (this.#isTaken(interval)) return;
    const { from, until } = this.#options.window;
    const isInside = interval >= from && interval + this.archive.secondsPerPoint <= until;
    const isLeft = isInside ? this.#replace(interval) : this.#adjust(interval);
    if (isLeft) this.marks.add(interval, LEFT);
  }

  /** Whether the slot holds a point of another interval that is not older than the retention. */
  #isTaken(interval: number): boolean {
    const index = this.#after.indexOf(interval);
    const timestamp = this.#after.timestampAt(index);
    return timestamp !== interval && timestamp >= this.#retained.oldest && this.#after.isPointAt(index);
  }

  /** Restores a slot inside the window. @returns whether it was left. */
  #replace(interval: number): boolean {
    const old = this.#after.get(interval);
    const isMixed = this.#inside.has(interval, FOREIGN);
    const mixed = isMixed ? this.#aggregatedAnew(interval, old) : undefined;
    const point = this.#same?.pointAt(interval);
    if (mixed !== undefined) {
      if (point) this.isGiven = true;
      else if (Object.is(mixed, old)) this.kept++;
      this.#put(interval, mixed);
      this.marks.add(interval, FOREIGN);
      return this.#inside.has(interval, LEFT) && !Object.is(mixed, this.#same?.ring.get(interval));
    }
    const value = point ? undefined : this.#consolidated(interval, isMixed);
    if (point || value !== undefined) this.isGiven = true;
    if (point) this.#putBytes(interval, point);
    else if (value !== undefined) this.#put(interval, value);
    else if (old !== undefined) {
      if (this.#options.window.erase && this.#erase(interval)) return false;
      if (!this.#options.window.erase) this.kept++;
      this.marks.add(interval, FOREIGN);
      return this.#options.window.erase || this.#inside.has(interval, CHANGED) || this.#inside.has(interval, LEFT);
    }
    return false;
  }

  /** Aggregates a slot again that is partly inside the window. @returns whether it was left. */
  #adjust(interval: number): boolean {
    const covers = this.#isCovered(interval);
    const isDoubtful = this.#inside.has(interval, LEFT);
    const old = this.#after.get(interval);
    const stored = this.#same?.ring.get(interval);
    if (old !== undefined && Object.is(old, stored)) return false;
    if (covers && !this.#inside.has(interval, CHANGED)) return isDoubtful && old !== undefined;
    const value = this.#aggregatedAnew(interval, old);
    if (value !== undefined) {
      this.#put(interval, value);
      return isDoubtful && !Object.is(value, stored);
    }
    if (covers && (old === undefined || this.#isEmptied(interval, old))) return !this.#erase(interval);
    return old !== undefined || stored !== undefined;
  }

  #isCovered(interval: number): boolean {
    const { finer } = this.#options;
    return finer !== undefined && interval >= finer.#retained.oldest;
  }

  /** @returns undefined if the slot must not be aggregated again, or has too few points. */
  #aggregatedAnew(interval: number, old: Slot): number | undefined {
    const { finer, mayReaggregate } = this.#options;
    if (!finer || !mayReaggregate || !this.#isCovered(interval)) return undefined;
    if (old !== undefined && Object.is(old, this.#same?.ring.get(interval))) return undefined;
    return aggregateAgain(this.#options.rule, this.#finerOf(interval, finer), old);
  }

  /** Whether a slot that was the aggregate of finer points has too few of them after an erasure. */
  #isEmptied(interval: number, old: number): boolean {
    const { finer, mayReaggregate, rule, window } = this.#options;
    if (!finer || !mayReaggregate || !window.erase) return false;
    const inside = this.#finerOf(interval, finer);
    if (consolidate(rule, inside.after.readKnown(interval, inside.count), inside.count) !== undefined) return false;
    return Object.is(aggregatedBefore(rule, inside), old);
  }

  #finerOf(interval: number, finer: LevelWindow) {
    const count = this.archive.secondsPerPoint / finer.archive.secondsPerPoint;
    return { interval, count, before: finer.#before, after: finer.#after };
  }

  /** Aggregates finer points of the source. @param isMixed whether the finer archive also has foreign points. */
  #consolidated(interval: number, isMixed: boolean): number | undefined {
    const { donors, rule } = this.#options;
    const remote = donors.filter((donor) => donor !== this.#same);
    const own = this.#own && !isMixed ? [this.#own] : [];
    // As in a backfill.
    const order = this.#isCovered(interval) ? [...own, ...remote] : [...remote, ...own];
    return firstConsolidated(order, interval, this.archive.secondsPerPoint, rule);
  }

  #put(interval: number, value: number): void {
    const old = this.#after.get(interval);
    if (!Object.is(old, value)) this.#wrote(interval, this.#after.put(interval, value), old);
  }

  #putBytes(interval: number, point: Uint8Array): void {
    const old = this.#after.get(interval);
    const held = this.#after.bytesAt(this.#after.indexOf(interval));
    if (old === undefined || Buffer.compare(held, point) !== 0)
      this.#wrote(interval, this.#after.putBytes(interval, point), old);
  }

  #wrote(interval: number, slot: number, old: Slot): void {
    this.isChanged[slot] = 1;
    this.marks.add(interval, CHANGED);
    if (old === undefined) this.filled++;
    else this.replaced++;
  }

  /** @returns whether the slot is empty. */
  #erase(interval: number): boolean {
    if (this.#after.get(interval) === undefined) return true;
    const slot = this.#after.erase(interval, this.#retained.oldest);
    if (slot === undefined) return false;
    this.isChanged[slot] = 1;
    this.marks.add(interval, CHANGED);
    this.erased++;
    return true;
  }
}
