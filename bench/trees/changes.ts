import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathAt } from './names.ts';
import { HOSTS } from './realistic-tree.ts';
import { randomFrom } from './seeded-random.ts';

/** Number of points with new values, as after an hour. */
const POINTS = 60;
const POINT_BYTES = 12;

/**
 * Changes every tenth file in place, as carbon would: same size, new values, new modification time. Each round changes
 * other files.
 *
 * @param files number of files in the tree.
 * @returns the number of changed files.
 */
export function changeTenth(prefix: string, files: number, round: number): number {
  let changed = 0;
  for (let index = round % 10; index < files; index += 10) {
    const random = randomFrom(1000 * round + index);
    const handle = openSync(join(prefix, `${pathAt(index, HOSTS)}.wsp`), 'r+');
    try {
      // Offset and number of points of the finest archive, from the header.
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
