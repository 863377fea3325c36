/**
 * Measures every gzip engine that this host has, at every level, on made-up but realistic Whisper files, and prints a
 * Markdown table. One thread. `lib/compress/levels.ts` quotes it.
 *
 *     node --import tsx scripts/measure-gzip.ts [engine ...]
 */
import process from 'node:process';
import { gzipSync } from 'node:zlib';
import type { Decompressor } from '../lib/compress/codec.ts';
import { createCompressor, createDecompressor, gzipEngines } from '../lib/compress/engine.ts';
import { levels } from '../lib/compress/levels.ts';
import { randomFrom } from './seededrandom.ts';

const DAY = 86_400;
/** 60 s for a day, 5 min for 30 days, 1 h for a year: 226 KB a file. */
const ARCHIVES = [
  { step: 60, points: 1440 },
  { step: 300, points: 30 * 288 },
  { step: 3600, points: 365 * 24 },
] as const;
const NOW = 1_763_780_400;
const FILES_OF_EACH = 4;
/** Processor time that each engine and level gets, at least, in each direction. */
const SECONDS = 1;

/** What a metric's value is at a time; undefined where it has none. */
type Series = (time: number) => number | undefined;

const rounded = (value: number, decimals: number): number => Number(value.toFixed(decimals));

const kinds: Readonly<Record<string, (random: () => number) => Series>> = {
  'slow walk, 2 decimals': (random) => {
    let value = 40 + 20 * random();
    return () => {
      value = Math.max(0, value + random() - 0.5);
      return rounded(value, 2);
    };
  },
  'daily wave with noise, 3 decimals': (random) => (time) =>
    rounded(50 + 30 * Math.sin((time / DAY) * 2 * Math.PI) + 4 * random(), 3),
  counter: (random) => {
    let value = 0;
    return () => {
      value += Math.floor(1000 * random());
      return value;
    };
  },
  'small counts': (random) => () => Math.floor(10 * random() ** 3),
  constant: (random) => {
    const value = Math.floor(100 * random());
    return () => value;
  },
  'younger than its archives': (random) => {
    let value = 10;
    return (time) => {
      value = Math.max(0, value + random() - 0.5);
      return time > NOW - 5 * DAY ? rounded(value, 2) : undefined;
    };
  },
  'with gaps': (random) => {
    let value = 1000;
    let silent = 0;
    return () => {
      if (silent === 0 && random() < 0.01) silent = Math.floor(60 * random());
      if (silent > 0) silent--;
      value += Math.floor(21 * random()) - 10;
      return silent > 0 ? undefined : value;
    };
  },
};

/**
 * A whole Whisper file, its coarser archives aggregated from the next finer one where that reaches. Averages have many
 * more digits than last values, and compress much worse.
 */
function whisperFile(series: Series, method: 'average' | 'last'): Uint8Array {
  const header = 16 + 12 * ARCHIVES.length;
  const data = new Uint8Array(header + 12 * ARCHIVES.reduce((sum, { points }) => sum + points, 0));
  const view = new DataView(data.buffer);
  view.setUint32(0, method === 'average' ? 1 : 3);
  view.setUint32(4, 365 * DAY);
  view.setFloat32(8, 0.5);
  view.setUint32(12, ARCHIVES.length);
  let offset = header;
  let finer = new Map<number, number>();
  let finerStep = 0;
  for (const [i, { step, points }] of ARCHIVES.entries()) {
    view.setUint32(16 + 12 * i, offset);
    view.setUint32(20 + 12 * i, step);
    view.setUint32(24 + 12 * i, points);
    const here = new Map<number, number>();
    const last = NOW - (NOW % step);
    for (let time = last - (points - 1) * step; time <= last; time += step) {
      // Older slots than the finer archive has were averaged in their time; so they have many decimals as well.
      const parts = Array.from({ length: finerStep === 0 ? 1 : step / finerStep }, (_, n) =>
        finer.has(time + n * finerStep) ? finer.get(time + n * finerStep) : series(time),
      ).filter((value) => value !== undefined);
      if (parts.length === 0) continue;
      const mean = parts.reduce((sum, part) => sum + part, 0) / parts.length;
      const value = method === 'average' ? mean : (parts.at(-1) ?? mean);
      here.set(time, value);
      const at = offset + 12 * ((time / step) % points);
      view.setUint32(at, time);
      view.setFloat64(at + 4, value);
    }
    offset += 12 * points;
    finer = here;
    finerStep = step;
  }
  return data;
}

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

const files = Object.values(kinds).flatMap((kind, i) =>
  Array.from({ length: FILES_OF_EACH }, (_, n) =>
    whisperFile(kind(randomFrom(1000 * i + n)), n % 2 === 0 ? 'average' : 'last'),
  ),
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
  const decompressor = createDecompressor({ algorithm: 'gz', engine });
  for (let level = min; level <= max; level++) {
    const compressor = createCompressor({ gzipEngine: engine, level });
    measure(engine, level === usual ? `**${level}**` : `${level}`, (file) => compressor.compress(file), decompressor);
  }
}
// What the Python tool does, which leaves zlib's memory level at 8.
measure('gzip -9', '', (file) => gzipSync(file, { level: 9 }), createDecompressor({ algorithm: 'gz', engine: 'zlib' }));

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
