import { type Archive, POINT_SIZE } from './header.ts';

/** Bytes to be written at a place of a file. */
export interface FillWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * The changed slots of one archive, by offset, neighbours in one write. Slot 0 is thus written first: as long as it is
 * empty, Whisper takes the whole archive for empty.
 *
 * @param changed the numbers of the slots that may differ, in any order, once or more.
 */
export function changedRanges(after: Uint8Array, archive: Archive, changed: Iterable<number>): FillWrite[] {
  // A byte for each slot: a set of the millions that a large file has would take ten times its memory.
  const isChanged = new Uint8Array(archive.points);
  for (const slot of changed) isChanged[slot] = 1;
  const writes: FillWrite[] = [];
  for (let slot = isChanged.indexOf(1); slot >= 0; slot = isChanged.indexOf(1, slot)) {
    const offset = archive.offset + slot * POINT_SIZE;
    const end = isChanged.indexOf(0, slot);
    slot = end < 0 ? archive.points : end;
    writes.push({ offset, bytes: after.slice(offset, archive.offset + slot * POINT_SIZE) });
  }
  return writes;
}
