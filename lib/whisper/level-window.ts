import { type AggregationRule, consolidate, type Slot } from './aggregation.ts';
import { Donor } from './donor.ts';
import type { Archive } from './header.ts';
import { alignDown, Ring } from './points.ts';
import type { Window } from './window.ts';

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
  /** The intervals of changed slots. */
  readonly changed: number[] = [];
  /** The intervals inside the window with a value that is not of the source alone. */
  readonly foreign: number[] = [];
  /** The intervals whose value may be made from points of the window. */
  readonly left: number[] = [];
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
  /** The oldest and the newest interval inside the retention. */
  readonly #oldest: number;
  readonly #newest: number;
  /** The source's archive of the same step. */
  readonly #same: Donor | undefined;
  /** The next finer archive, after its restore. */
  readonly #own: Donor | undefined;
  /** The slots with finer ones that changed, are foreign, or were left. */
  readonly #touched: ReadonlySet<number>;
  readonly #mixed: ReadonlySet<number>;
  readonly #doubtful: ReadonlySet<number>;

  constructor(options: LevelWindowOptions) {
    const { before, after, archive, now, donors, finer } = options;
    const step = archive.secondsPerPoint;
    this.#options = options;
    this.archive = archive;
    this.isChanged = new Uint8Array(archive.points);
    this.#newest = alignDown(now, step);
    this.#oldest = Math.max(step, this.#newest - archive.retention + step);
    this.#before = new Ring(before, archive);
    this.#after = new Ring(after, archive);
    this.#same = donors.find(({ ring }) => ring.archive.secondsPerPoint === step);
    this.#own = finer && new Donor(after, finer.archive, finer.#oldest);
    const slots = (finerIntervals: readonly number[] = []) => new Set(finerIntervals.map((at) => alignDown(at, step)));
    this.#touched = slots(finer?.changed);
    this.#mixed = slots(finer?.foreign);
    this.#doubtful = slots(finer?.left);
  }

  run(): void {
    const { from, until } = this.#options.window;
    const step = this.archive.secondsPerPoint;
    for (const interval of this.#intervals()) {
      if (this.#isTaken(interval)) continue;
      const isLeft = interval >= from && interval + step <= until ? this.#replace(interval) : this.#adjust(interval);
      if (isLeft) this.left.push(interval);
    }
  }

  /**
   * Returns the slots that overlap the window. Of the future only those that have a point, and first: each takes the place
   * of an older one.
   */
  #intervals(): number[] {
    const { from, until } = this.#options.window;
    const step = this.archive.secondsPerPoint;
    // The window has no slot of the finest archive.
    if (from >= until) return [];
    const intervals: number[] = [];
    const first = Math.max(this.#oldest, alignDown(from, step));
    for (let at = first; at <= this.#newest && at < until; at += step) intervals.push(at);
    const future: number[] = [];
    for (let index = 0; index < this.archive.points; index++) {
      const at = this.#before.timestampAt(index);
      if (at > this.#newest && at + step > from && at < until && this.#before.isPointAt(index)) future.push(at);
    }
    return future.sort((a, b) => a - b).concat(intervals);
  }

  /** Whether the slot holds a point of another interval that is not older than the retention. */
  #isTaken(interval: number): boolean {
    const index = this.#after.indexOf(interval);
    const timestamp = this.#after.timestampAt(index);
    return timestamp !== interval && timestamp >= this.#oldest && this.#after.isPointAt(index);
  }

  /** Restores a slot inside the window. @returns whether it was left. */
  #replace(interval: number): boolean {
    const old = this.#after.get(interval);
    const isMixed = this.#mixed.has(interval);
    const mixed = isMixed ? this.#aggregatedAnew(interval, old) : undefined;
    const point = this.#same?.pointAt(interval);
    if (mixed !== undefined) {
      if (point) this.isGiven = true;
      else if (Object.is(mixed, old)) this.kept++;
      this.#put(interval, mixed);
      this.foreign.push(interval);
      return this.#doubtful.has(interval) && !Object.is(mixed, this.#same?.ring.get(interval));
    }
    const value = point ? undefined : this.#consolidated(interval, isMixed);
    if (point || value !== undefined) this.isGiven = true;
    if (point) this.#putBytes(interval, point);
    else if (value !== undefined) this.#put(interval, value);
    else if (old !== undefined) {
      if (this.#options.window.erase && this.#erase(interval)) return false;
      if (!this.#options.window.erase) this.kept++;
      this.foreign.push(interval);
      return this.#options.window.erase || this.#touched.has(interval) || this.#doubtful.has(interval);
    }
    return false;
  }

  /** Aggregates a slot again that is partly inside the window. @returns whether it was left. */
  #adjust(interval: number): boolean {
    const covers = this.#isCovered(interval);
    const isDoubtful = this.#doubtful.has(interval);
    const old = this.#after.get(interval);
    const stored = this.#same?.ring.get(interval);
    if (old !== undefined && Object.is(old, stored)) return false;
    if (covers && !this.#touched.has(interval)) return isDoubtful && old !== undefined;
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
    return finer !== undefined && interval >= finer.#oldest;
  }

  /** @returns undefined if the slot must not be aggregated again, or has too few points. */
  #aggregatedAnew(interval: number, old: Slot): number | undefined {
    const { finer, mayReaggregate } = this.#options;
    if (!finer || !mayReaggregate || !this.#isCovered(interval)) return undefined;
    if (old !== undefined && Object.is(old, this.#same?.ring.get(interval))) return undefined;
    const slots = finer.#after.readKnown(interval, this.#count(finer));
    const value = consolidate(this.#options.rule, slots, this.#count(finer));
    if (value === undefined || old === undefined || Object.is(value, old)) return value;
    const isWhole = slots.length === this.#count(finer) && !slots.includes(undefined);
    return isWhole || Object.is(this.#aggregatedBefore(interval, finer), old) ? value : undefined;
  }

  /** Whether a slot that was the aggregate of finer points has too few of them after an erasure. */
  #isEmptied(interval: number, old: number): boolean {
    const { finer, mayReaggregate, rule, window } = this.#options;
    if (!finer || !mayReaggregate || !window.erase) return false;
    const slots = finer.#after.readKnown(interval, this.#count(finer));
    if (consolidate(rule, slots, this.#count(finer)) !== undefined) return false;
    return Object.is(this.#aggregatedBefore(interval, finer), old);
  }

  #aggregatedBefore(interval: number, finer: LevelWindow): number | undefined {
    const count = this.#count(finer);
    return consolidate(this.#options.rule, finer.#before.readKnown(interval, count), count);
  }

  /** How many finer slots one of this archive has. */
  #count(finer: LevelWindow): number {
    return this.archive.secondsPerPoint / finer.archive.secondsPerPoint;
  }

  /** Aggregates finer points of the source. @param isMixed whether the finer archive also has foreign points. */
  #consolidated(interval: number, isMixed: boolean): number | undefined {
    const { donors, rule } = this.#options;
    const remote = donors.filter((donor) => donor !== this.#same);
    const own = this.#own && !isMixed ? [this.#own] : [];
    // As in a backfill.
    const order = this.#isCovered(interval) ? [...own, ...remote] : [...remote, ...own];
    for (const donor of order) {
      const value = donor.consolidated(interval, this.archive.secondsPerPoint, rule);
      if (value !== undefined) return value;
    }
    return undefined;
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
    this.changed.push(interval);
    if (old === undefined) this.filled++;
    else this.replaced++;
  }

  /** @returns whether the slot is empty. */
  #erase(interval: number): boolean {
    if (this.#after.get(interval) === undefined) return true;
    const slot = this.#after.erase(interval, this.#oldest);
    if (slot === undefined) return false;
    this.isChanged[slot] = 1;
    this.changed.push(interval);
    this.erased++;
    return true;
  }
}
