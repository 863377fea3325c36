import { type Archive, POINT_SIZE } from './header.ts';

export interface FillWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

interface ChangedLevel {
  readonly archive: Archive;
  /** 1 for each changed slot, else 0. */
  readonly isChanged: Uint8Array;
}

/**
 * The writes that change a file, in this order: the coarsest archive first, and by offset in each archive. They only
 * contain changed slots; adjacent slots are one write. If only the first writes are made, no point is lost, and another
 * fill completes the file.
 *
 * They are made while they are read: those of a file with millions of short gaps would need more memory than the file.
 */
export class FillWrites implements Iterable<FillWrite> {
  /** The whole file with all writes made. */
  readonly after: Uint8Array;
  readonly #levels: readonly ChangedLevel[];

  /** @param levels the finest first. */
  constructor(after: Uint8Array, levels: readonly ChangedLevel[]) {
    this.after = after;
    this.#levels = levels.toReversed();
  }

  get isEmpty(): boolean {
    return !this.#levels.some(({ isChanged }) => isChanged.includes(1));
  }

  /** Slot 0 is written first, because Whisper regards the whole archive as empty while slot 0 is empty. */
  *[Symbol.iterator](): Generator<FillWrite> {
    for (const { archive, isChanged } of this.#levels) {
      for (let slot = isChanged.indexOf(1); slot >= 0; slot = isChanged.indexOf(1, slot)) {
        const offset = archive.offset + slot * POINT_SIZE;
        const end = isChanged.indexOf(0, slot);
        slot = end < 0 ? archive.points : end;
        yield { offset, bytes: this.after.subarray(offset, archive.offset + slot * POINT_SIZE) };
      }
    }
  }
}
