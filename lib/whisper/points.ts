import type { Slot } from './aggregation.ts';
import { type Archive, POINT_SIZE } from './header.ts';

export interface Point {
  /** Unix time in seconds. */
  readonly timestamp: number;
  readonly value: number;
}

/** Returns the start of the interval that contains `time`. Rounds negative times down too, as Python's modulo does. */
export function alignDown(time: number, step: number): number {
  return time - floorModulo(time, step);
}

/** Returns the start of the first interval that does not begin before `time`. */
export function alignUp(time: number, step: number): number {
  return Math.ceil(time / step) * step;
}

/** The oldest and the newest interval inside an archive's retention. */
export interface Retained {
  readonly oldest: number;
  readonly newest: number;
}

/** A timestamp of 0 marks an empty slot, so the interval 0 cannot have a point. @param now Unix time in whole seconds. */
export function retainedAt(now: number, { secondsPerPoint, retention }: Archive): Retained {
  const newest = alignDown(now, secondsPerPoint);
  return { oldest: Math.max(secondsPerPoint, newest - retention + secondsPerPoint), newest };
}

/** Returns how many slots Whisper reads for `count` intervals: modulo the size of the ring, and a whole turn for 0. */
export function slotsRead(count: number, ringPoints: number): number {
  return floorModulo(count, ringPoints) || ringPoints;
}

function floorModulo(value: number, by: number): number {
  const rest = value % by;
  return rest < 0 ? rest + by : rest;
}

/**
 * The slots of an archive, read and written in place.
 *
 * The timestamp of slot 0 (the base) determines the slots of all other timestamps. If it is 0, the archive is empty,
 * even if other slots are not. A slot that was not written in this turn of the ring still has a point of an earlier
 * turn, so a slot only counts if it has exactly the expected timestamp.
 */
export class Ring {
  readonly archive: Archive;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** @param bytes the whole file, with a valid header. */
  constructor(bytes: Uint8Array, archive: Archive) {
    this.archive = archive;
    this.#bytes = bytes.subarray(archive.offset, archive.offset + archive.size);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
  }

  /** The timestamp of slot 0; 0 if the archive is empty. */
  get base(): number {
    return this.#view.getUint32(0);
  }

  /** Returns the slot of an interval; 0 in an empty archive. */
  indexOf(interval: number): number {
    const { base } = this;
    if (base === 0) return 0;
    const { secondsPerPoint, points } = this.archive;
    return floorModulo(Math.floor((interval - base) / secondsPerPoint), points);
  }

  /** Returns the timestamp in a slot, which may be of an earlier turn. */
  timestampAt(index: number): number {
    return this.#view.getUint32(index * POINT_SIZE);
  }

  valueAt(index: number): number {
    return this.#view.getFloat64(index * POINT_SIZE + 4);
  }

  /** Returns the 12 bytes of a slot, without copying them. */
  bytesAt(index: number): Uint8Array {
    return this.#bytes.subarray(index * POINT_SIZE, (index + 1) * POINT_SIZE);
  }

  /** Returns whether a slot has a point and its timestamp belongs into this slot. A base left by {@link erase} is none. */
  isPointAt(index: number): boolean {
    const timestamp = this.timestampAt(index);
    const { secondsPerPoint, retention } = this.archive;
    // Real points are later: no file has room for a point of each second since 1970.
    if (timestamp === 0 || this.base === 0 || (secondsPerPoint === 1 && timestamp <= retention)) return false;
    return timestamp % secondsPerPoint === 0 && this.indexOf(timestamp) === index;
  }

  /** Returns the value at an interval; undefined if there is no point. */
  get(interval: number): Slot {
    if (this.base === 0) return undefined;
    const index = this.indexOf(interval);
    return this.timestampAt(index) === interval ? this.valueAt(index) : undefined;
  }

  /** Returns the timestamps of all points that are later than a time, in order. */
  pointsAfter(time: number): number[] {
    const found: number[] = [];
    for (let index = 0; index < this.archive.points; index++) {
      const timestamp = this.timestampAt(index);
      if (timestamp > time && this.isPointAt(index)) found.push(timestamp);
    }
    return found.sort((a, b) => a - b);
  }

  read(interval: number, count: number): Slot[] {
    if (this.base === 0) return new Array<Slot>(count).fill(undefined);
    const { secondsPerPoint, points } = this.archive;
    const slots: Slot[] = [];
    let index = this.indexOf(interval);
    for (let i = 0; i < count; i++) {
      slots.push(this.timestampAt(index) === interval + i * secondsPerPoint ? this.valueAt(index) : undefined);
      index = index + 1 === points ? 0 : index + 1;
    }
    return slots;
  }

  /**
   * Like {@link read}, but if `count` exceeds the number of slots, returns only the existing values: the header of a
   * damaged file may lead to a count of billions.
   */
  readKnown(interval: number, count: number): Slot[] {
    const { secondsPerPoint, points } = this.archive;
    if (count <= points) return this.read(interval, count);
    const end = interval + count * secondsPerPoint;
    const found: Point[] = [];
    for (let i = 0; this.base !== 0 && i < points; i++) {
      const timestamp = this.timestampAt(i);
      if (timestamp < interval || timestamp >= end || (timestamp - interval) % secondsPerPoint !== 0) continue;
      if (this.indexOf(timestamp) === i) found.push({ timestamp, value: this.valueAt(i) });
    }
    return found.sort((a, b) => a.timestamp - b.timestamp).map(({ value }) => value);
  }

  /** Writes a point into its slot, and returns the slot. In an empty archive the point becomes the base. */
  put(interval: number, value: number): number {
    const index = this.indexOf(interval);
    this.#view.setUint32(index * POINT_SIZE, interval);
    this.#view.setFloat64(index * POINT_SIZE + 4, value);
    return index;
  }

  /** Writes the 12 bytes of a point from another ring, which preserves the bits of a NaN. */
  putBytes(interval: number, point: Uint8Array): number {
    const index = this.indexOf(interval);
    this.#bytes.set(point, index * POINT_SIZE);
    return index;
  }

  /**
   * Empties the slot of an interval. The base must not become 0, so it gets a time in 1970 or soon after that leads to the
   * same slots and is no point: a second before an interval or, with steps of a second, one of the first turn of the ring.
   *
   * @param oldest the oldest interval inside the retention.
   * @returns the slot; undefined if the retention is so long that the base cannot be emptied. Then nothing changes.
   */
  erase(interval: number, oldest: number): number | undefined {
    const index = this.indexOf(interval);
    const { retention, secondsPerPoint } = this.archive;
    const base = index === 0 ? (interval % retention || retention) - (secondsPerPoint > 1 ? 1 : 0) : 0;
    if (base >= oldest - secondsPerPoint) return undefined;
    this.#view.setUint32(index * POINT_SIZE, base);
    this.#view.setFloat64(index * POINT_SIZE + 4, 0);
    return index;
  }
}
