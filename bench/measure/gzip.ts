/**
 * Measures the gzip and Zstandard engines of this host at useful levels, on generated but realistic Whisper files, in one
 * thread. Prints a Markdown table, which `lib/compress/levels.ts` quotes.
 *
 *     node --import tsx bench/measure/gzip.ts [engine ...]
 */
import process from 'node:process';
import { gzipSync } from 'node:zlib';
import { markdownTable } from '../../lib/common/table.ts';
import type { Decompressor } from '../../lib/compress/codec.ts';
import { createCompressor, createDecompressor, gzipEngines, readingEngines } from '../../lib/compress/engine.ts';
import { levels } from '../../lib/compress/levels.ts';
import { madeWhisper } from '../trees/made-whisper.ts';
import { randomFrom } from '../trees/seeded-random.ts';
import { seriesKinds } from '../trees/series.ts';

/** 60 s for a day, 5 min for 30 days, 1 h for a year: 226 KB a file. */
const ARCHIVES = [
  { secondsPerPoint: 60, points: 1440 },
  { secondsPerPoint: 300, points: 30 * 288 },
  { secondsPerPoint: 3600, points: 365 * 24 },
] as const;
const NOW = 1_763_780_400;
const FILES_OF_EACH = 4;
/** Zstandard has higher levels, which take too long. */
const LEVELS_MAX = 12;
/** Minimum processor time per engine, level and direction. */
const SECONDS = 1;

/** Returns the average processor seconds of a pass over all files. Other load on the machine does not count. */
function secondsOf(pass: () => void): number {
  pass();
  const start = process.cpuUsage();
  for (let passes = 1; ; passes++) {
    pass();
    const { user, system } = process.cpuUsage(start);
    const seconds = (user + system) / 1e6;
    if (seconds >= SECONDS) return seconds / passes;
  }
}

const files = Object.values(seriesKinds).flatMap((kind, i) =>
  Array.from({ length: FILES_OF_EACH }, (_, n) => {
    const series = kind(randomFrom(1000 * i + n), { now: NOW });
    return madeWhisper(series, { archives: ARCHIVES, method: n % 2 === 0 ? 'average' : 'last', now: NOW });
  }),
);
const bytes = files.reduce((sum, { length }) => sum + length, 0);
const megabytesPerSecond = (seconds: number): string => (bytes / 1e6 / seconds).toFixed(0);

console.log(`${files.length} files, ${bytes} bytes\n`);
const rows: string[][] = [];
const selected = process.argv.slice(2);
for (const engine of gzipEngines()) {
  if (selected.length > 0 && !selected.includes(engine)) continue;
  const { min, max, default: usual } = levels[engine];
  const decompressor = await createDecompressor({ algorithm: 'gz', engine });
  for (let level = min; level <= max; level++) {
    const compressor = await createCompressor({ gzipEngine: engine, level });
    measure(engine, level === usual ? `**${level}**` : `${level}`, (file) => compressor.compress(file), decompressor);
  }
}
for (const engine of readingEngines('zst')) {
  if (selected.length > 0 && !selected.includes(engine)) continue;
  const decompressor = await createDecompressor({ algorithm: 'zst', engine });
  // fzstd only decompresses, so another engine compresses for it.
  const zstdEngine = engine === 'fzstd' ? 'auto' : engine;
  const usual = levels.libzstd.default;
  for (let level = engine === 'fzstd' ? usual : 1; level <= (engine === 'fzstd' ? usual : LEVELS_MAX); level++) {
    const compressor = await createCompressor({ algorithm: 'zst', zstdEngine, level });
    measure(engine, level === usual ? `**${level}**` : `${level}`, (file) => compressor.compress(file), decompressor);
  }
}
// The Python tool's gzip, which leaves zlib's memory level at 8.
measure(
  'gzip -9',
  '',
  (file) => gzipSync(file, { level: 9 }),
  await createDecompressor({ algorithm: 'gz', engine: 'zlib' }),
);
console.log(markdownTable(['engine', 'level', 'MB/s', 'stored bytes', 'ratio', 'MB/s back'], rows, [1, 2, 3, 4, 5]));

function measure(
  name: string,
  level: string,
  compress: (file: Uint8Array) => Uint8Array,
  decompressor: Decompressor,
): void {
  const packed = files.map(compress);
  const stored = packed.reduce((sum, { length }) => sum + length, 0);
  const speed = secondsOf(() => files.forEach((file) => void compress(file)));
  const maxBytes = files[0]?.length ?? 0;
  const back = secondsOf(() => packed.forEach((file) => void decompressor.decompress(file, { maxBytes })));
  const ratio = (bytes / stored).toFixed(2);
  rows.push([name, level, megabytesPerSecond(speed), String(stored), ratio, megabytesPerSecond(back)]);
}
