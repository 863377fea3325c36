import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { updateMany } from '../../lib/whisper/update.ts';
import { pathAt } from './names.ts';
import { HOSTS } from './realistic-tree.ts';
import { randomFrom } from './seeded-random.ts';
import { type SeriesKind, seriesKinds } from './series.ts';

/** Describes the points of {@link addPoints}. */
export const POINT_MIX =
  '20 % counters of 9 or 10 digits, 60 % gauges of few digits (15 % constant), 20 % averages with all digits of a double';

const counter: SeriesKind = (random) => {
  const rate = 10 + 90 * random();
  return (time) => Math.floor(rate * (time % 1e8)) + Math.floor(500 * random());
};

const average: SeriesKind = (random) => {
  let value = 30 * random();
  return () => {
    value = Math.max(0, value + random() - 0.5);
    return value / 3;
  };
};

const DECK: readonly SeriesKind[] = [
  ...Array<SeriesKind>(4).fill(counter),
  ...Array<SeriesKind>(3).fill(seriesKinds.constant),
  ...Array<SeriesKind>(3).fill(seriesKinds['small counts']),
  ...Array<SeriesKind>(4).fill(seriesKinds['slow walk, 2 decimals']),
  ...Array<SeriesKind>(2).fill(seriesKinds['with gaps']),
  ...Array<SeriesKind>(4).fill(average),
];

export interface NewPoints {
  /** Number of files in the tree. */
  readonly files: number;
  /** Unix time before the first point, in seconds. */
  readonly after: number;
  readonly minutes: number;
}

/**
 * Writes a point a minute into every file of a realistic tree, in place, as carbon does.
 *
 * @returns the number of points.
 */
export function addPoints(prefix: string, { files, after, minutes }: NewPoints): number {
  let count = 0;
  for (let index = 0; index < files; index++) {
    // 7 and 20 have no common factor, so every 20 files have one of each kind.
    const kind = DECK[(7 * index) % DECK.length] ?? seriesKinds.constant;
    const series = kind(randomFrom(index), { now: after + 60 * minutes });
    const points = [];
    for (let minute = 1; minute <= minutes; minute++) {
      const timestamp = after + 60 * minute;
      const value = series(timestamp);
      if (value !== undefined) points.push({ timestamp, value });
    }
    const file = join(prefix, `${pathAt(index, HOSTS)}.wsp`);
    const bytes = readFileSync(file);
    updateMany(bytes, points, { now: after + 60 * minutes });
    writeFileSync(file, bytes, { flag: 'r+' });
    count += points.length;
  }
  return count;
}
