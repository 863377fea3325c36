import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ArchiveSpec } from '../../lib/whisper/schema.ts';
import { madeWhisper } from './made-whisper.ts';
import { pathAt } from './names.ts';
import { randomFrom } from './seeded-random.ts';
import { type SeriesKind, seriesKinds } from './series.ts';

/** The contents of a tree. Equal specs give equal bytes. */
export interface TreeSpec {
  readonly files: number;
  readonly archives: readonly ArchiveSpec[];
}

const DAY = 86_400;

/**
 * 400 files of 991 KB, 396.3 MB: 15 days by the minute, 90 by five minutes, 4 years by the hour.
 *
 * The kinds below are mixed so that gzip -9, which the Python tool uses, compresses it to 114 MB (a ratio of 3.47). For
 * the first 80 files: zlib -1 3.35, libdeflate -1 3.35, -5 3.79 and -6 3.80, ISA-L -1 3.18 and -3 3.22, zstd -3 3.78.
 */
export const LARGE_FILES: TreeSpec = {
  files: 400,
  archives: [
    { secondsPerPoint: 60, points: (15 * DAY) / 60 },
    { secondsPerPoint: 300, points: (90 * DAY) / 300 },
    { secondsPerPoint: 3600, points: (4 * 365 * DAY) / 3600 },
  ],
};

/** 20,000 files of 17 KB, 341 MB: 12 hours by the minute, 2 days by five minutes, 5 days by the hour. gzip -9: 2.65. */
export const SMALL_FILES: TreeSpec = {
  files: 20_000,
  archives: [
    { secondsPerPoint: 60, points: 720 },
    { secondsPerPoint: 300, points: 576 },
    { secondsPerPoint: 3600, points: 120 },
  ],
};

/** Twenty metrics of a host. Many real metrics hardly ever change, and many are younger than their archives. */
const DECK: readonly SeriesKind[] = [
  ...Array<SeriesKind>(5).fill(seriesKinds.constant),
  ...Array<SeriesKind>(5).fill(seriesKinds['younger than its archives']),
  ...Array<SeriesKind>(4).fill(seriesKinds['small counts']),
  ...Array<SeriesKind>(2).fill(seriesKinds['with gaps']),
  ...Array<SeriesKind>(2).fill(seriesKinds['slow walk, 2 decimals']),
  seriesKinds['daily wave with noise, 3 decimals'],
  seriesKinds.counter,
];
const NOW = 1_763_780_400;
/** So that one host is one percent of the tree. */
export const HOSTS = 100;

/** Creates one file of such a tree. */
export function realisticFile(index: number, archives: readonly ArchiveSpec[], now = NOW): Uint8Array {
  // 7 and 20 have no common factor, so every 20 files have one of each kind.
  const kind = DECK[(7 * index) % DECK.length] ?? seriesKinds.constant;
  const method = Math.floor(index / DECK.length) % 2 === 0 ? 'average' : 'last';
  return madeWhisper(kind(randomFrom(index), { now }), { archives, method, now });
}

/**
 * Creates a tree of realistic values, always the same. The directory must be missing or empty.
 *
 * @param now Unix time of the newest points, in seconds.
 */
export function makeRealisticTree(prefix: string, { files, archives }: TreeSpec, now?: number): void {
  for (let index = 0; index < files; index++) {
    const file = join(prefix, `${pathAt(index, HOSTS)}.wsp`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, realisticFile(index, archives, now));
  }
}
