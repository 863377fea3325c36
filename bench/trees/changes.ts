import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathAt } from './names.ts';
import { HOSTS } from './realistic-tree.ts';
import { randomFrom } from './seeded-random.ts';

/** So many points get new values, as if an hour had passed. */
const POINTS = 60;
const POINT_BYTES = 12;

/**
 * Changes every tenth file in place, in each round others, as carbon would: same size, new values, new times of change.
 *
 * @param files how many files the tree has.
 * @returns how many were changed.
 */
export function changeTenth(prefix: string, files: number, round: number): number {
  let changed = 0;
  for (let index = round % 10; index < files; index += 10) {
    const random = randomFrom(1000 * round + index);
    const handle = openSync(join(prefix, `${pathAt(index, HOSTS)}.wsp`), 'r+');
    try {
      // The finest archive's offset and number of points, as its header tells.
      const header = Buffer.alloc(12);
      readSync(handle, header, 0, header.length, 16);
      const points = header.readUInt32BE(8);
      const values = Buffer.alloc(8);
      for (let n = 0; n < Math.min(POINTS, points); n++) {
        values.writeDoubleBE(Math.round(10_000 * random()) / 100);
        writeSync(handle, values, 0, values.length, header.readUInt32BE(0) + POINT_BYTES * n + 4);
      }
    } finally {
      closeSync(handle);
    }
    changed++;
  }
  return changed;
}
