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
  const slots = [...new Set(changed)].sort((a, b) => a - b);
  const writes: FillWrite[] = [];
  let begin = 0;
  for (const [i, slot] of slots.entries()) {
    if (slots[i + 1] === slot + 1) continue;
    const first = slots[begin] ?? slot;
    const offset = archive.offset + first * POINT_SIZE;
    writes.push({ offset, bytes: after.slice(offset, archive.offset + (slot + 1) * POINT_SIZE) });
    begin = i + 1;
  }
  return writes;
}
