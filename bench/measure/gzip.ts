/**
 * Measures every gzip and Zstandard engine that this host has, at every level worth a thought, on made-up but realistic
 * Whisper files, and prints a Markdown table. One thread. `lib/compress/levels.ts` quotes it.
 *
 *     node --import tsx bench/measure/gzip.ts [engine ...]
 */
import process from 'node:process';
import { gzipSync } from 'node:zlib';
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
/** Zstandard has more, which take longer than anybody would wait. */
const LEVELS_MAX = 12;
/** Processor time that each engine and level gets, at least, in each direction. */
const SECONDS = 1;

/** Processor seconds of one pass over all (other work on the machine does not count), averaged over as many as fit. */
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
console.log('| engine | level | MB/s | stored bytes | ratio | MB/s back |');
console.log('|---|---:|---:|---:|---:|---:|');
const asked = process.argv.slice(2);
for (const engine of gzipEngines()) {
  if (asked.length > 0 && !asked.includes(engine)) continue;
  const { min, max, default: usual } = levels[engine];
  const decompressor = await createDecompressor({ algorithm: 'gz', engine });
  for (let level = min; level <= max; level++) {
    const compressor = await createCompressor({ gzipEngine: engine, level });
    measure(engine, level === usual ? `**${level}**` : `${level}`, (file) => compressor.compress(file), decompressor);
  }
}
for (const engine of readingEngines('zst')) {
  if (asked.length > 0 && !asked.includes(engine)) continue;
  const decompressor = await createDecompressor({ algorithm: 'zst', engine });
  // One that only reads is given what another wrote.
  const zstdEngine = engine === 'fzstd' ? 'auto' : engine;
  const usual = levels.libzstd.default;
  for (let level = engine === 'fzstd' ? usual : 1; level <= (engine === 'fzstd' ? usual : LEVELS_MAX); level++) {
    const compressor = await createCompressor({ algorithm: 'zst', zstdEngine, level });
    measure(engine, level === usual ? `**${level}**` : `${level}`, (file) => compressor.compress(file), decompressor);
  }
}
// What the Python tool does, which leaves zlib's memory level at 8.
measure(
  'gzip -9',
  '',
  (file) => gzipSync(file, { level: 9 }),
  await createDecompressor({ algorithm: 'gz', engine: 'zlib' }),
);

/** Prints one row. */
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
  console.log(`| ${[name, level, megabytesPerSecond(speed), stored, ratio, megabytesPerSecond(back)].join(' | ')} |`);
}
