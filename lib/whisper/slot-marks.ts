import type { Archive } from './header.ts';
import { alignDown, type Retained, type Ring } from './points.ts';

/** Bits of a mark. */
export const CHANGED = 1;
/** Inside the window, with a value that does not come from the source alone. */
export const FOREIGN = 2;
/** The value may be made from points of the window. */
export const LEFT = 4;

const BITS = 3;

/**
 * Marks slots of an archive, with a byte for each: for millions of slots a Set would need forty times the memory. Has room
 * for the intervals inside the retention, and for those of points later than it, which take the places of older ones.
 */
export class SlotMarks {
  readonly #step: number;
  readonly #retained: Retained;
  /** The archive before the restore, which has the timestamps of later points. */
  readonly #before: Ring;
  readonly #marks: Uint8Array;

  constructor(archive: Archive, retained: Retained, before: Ring) {
    this.#step = archive.secondsPerPoint;
    this.#retained = retained;
    this.#before = before;
    this.#marks = new Uint8Array(archive.points);
  }

  /** Intervals that have no room are ignored. */
  add(interval: number, marks: number): void {
    const { oldest, newest } = this.#retained;
    if (interval < oldest || (interval > newest && !this.#isLaterPoint(interval))) return;
    const place = this.#placeOf(interval);
    this.#marks[place] = (this.#marks[place] ?? 0) | (marks << this.#shiftOf(interval));
  }

  /** @param interval one that has room. */
  has(interval: number, mark: number): boolean {
    return (this.#marksAt(interval) & mark) !== 0;
  }

  /** Marks the slots that have marked ones of a finer archive in them. */
  addFiner(finer: SlotMarks): void {
    finer.each((interval, marks) => this.add(alignDown(interval, this.#step), marks));
  }

  /** Visits the marked intervals, those after the retention first. Calls back, because there may be millions. */
  each(visit: (interval: number, marks: number) => void): void {
    const visitMarked = (interval: number) => {
      const marks = this.#marksAt(interval);
      if (marks !== 0) visit(interval, marks);
    };
    const { oldest, newest } = this.#retained;
    for (const interval of this.#before.pointsAfter(newest)) visitMarked(interval);
    for (let interval = oldest; interval <= newest; interval += this.#step) visitMarked(interval);
  }

  #isLaterPoint(interval: number): boolean {
    return this.#before.get(interval) !== undefined;
  }

  #marksAt(interval: number): number {
    return ((this.#marks[this.#placeOf(interval)] ?? 0) >> this.#shiftOf(interval)) & ((1 << BITS) - 1);
  }

  #shiftOf(interval: number): number {
    return interval > this.#retained.newest ? BITS : 0;
  }

  /** Not the slot in the ring, which is unknown while the archive is empty. */
  #placeOf(interval: number): number {
    return (interval / this.#step) % this.#marks.length;
  }
}
