import type { Slot } from './aggregation.ts';
import { type Archive, POINT_SIZE } from './header.ts';

/** A value and the start of its interval, in seconds since the epoch. */
export interface Point {
  readonly timestamp: number;
  readonly value: number;
}

/** The start of the interval that a time falls in, as Python's floor modulo has it for negative times too. */
export function alignDown(time: number, step: number): number {
  return time - floorModulo(time, step);
}

/** How many slots Whisper reads for a run of `count`: it cannot tell a whole turn of the ring from none. */
export function slotsRead(count: number, ringPoints: number): number {
  return floorModulo(count, ringPoints) || ringPoints;
}

function floorModulo(value: number, by: number): number {
  const rest = value % by;
  return rest < 0 ? rest + by : rest;
}

/**
 * One archive's slots, read and written in place.
 *
 * The timestamp of slot 0, the base, tells where all others are; 0 means that the archive is empty, whatever else it
 * holds. A slot that was passed over keeps the point of an earlier turn, so a slot only counts when it holds the very
 * timestamp that is asked for.
 */
export class Ring {
  readonly archive: Archive;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  /** @param bytes the whole file, whose header was checked. */
  constructor(bytes: Uint8Array, archive: Archive) {
    this.archive = archive;
    this.#bytes = bytes.subarray(archive.offset, archive.offset + archive.size);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
  }

  /** The timestamp of slot 0; 0 when the archive is empty. */
  get base(): number {
    return this.#view.getUint32(0);
  }

  /** Which slot an interval belongs to; in an empty archive, slot 0. */
  indexOf(interval: number): number {
    const { base } = this;
    if (base === 0) return 0;
    const { secondsPerPoint, points } = this.archive;
    return floorModulo(Math.floor((interval - base) / secondsPerPoint), points);
  }

  /** The timestamp that stands in a slot, which may be of an earlier turn. */
  timestampAt(index: number): number {
    return this.#view.getUint32(index * POINT_SIZE);
  }

  /** The value that stands in a slot. */
  valueAt(index: number): number {
    return this.#view.getFloat64(index * POINT_SIZE + 4);
  }

  /** The 12 bytes of a slot, not copied. */
  bytesAt(index: number): Uint8Array {
    return this.#bytes.subarray(index * POINT_SIZE, (index + 1) * POINT_SIZE);
  }

  /** Whether a slot holds a point that can be found: its timestamp is one that belongs into this slot. */
  isPointAt(index: number): boolean {
    const timestamp = this.timestampAt(index);
    return timestamp % this.archive.secondsPerPoint === 0 && timestamp !== 0 && this.base !== 0
      ? this.indexOf(timestamp) === index
      : false;
  }

  /** The value at an interval, undefined where there is no point. */
  get(interval: number): Slot {
    if (this.base === 0) return undefined;
    const index = this.indexOf(interval);
    return this.timestampAt(index) === interval ? this.valueAt(index) : undefined;
  }

  /** The values of `count` successive intervals. */
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
   * Like {@link read}, but never more than the ring has slots, since a damaged file may ask for billions: where it has
   * fewer, only the values that are known.
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

  /** Writes a point, over whatever its slot held; in an empty archive it becomes the base. Returns the slot. */
  put(interval: number, value: number): number {
    const index = this.indexOf(interval);
    this.#view.setUint32(index * POINT_SIZE, interval);
    this.#view.setFloat64(index * POINT_SIZE + 4, value);
    return index;
  }

  /** Writes a point as the 12 bytes that another ring holds for it, so that the bits of a NaN stay too. */
  putBytes(interval: number, point: Uint8Array): number {
    const index = this.indexOf(interval);
    this.#bytes.set(point, index * POINT_SIZE);
    return index;
  }
}
