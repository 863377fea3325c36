import { InvalidOptionError } from '../common/errors.ts';
import type {
  Algorithm,
  Compressor,
  Decompressor,
  Engine,
  EngineName,
  GzipEngineName,
  WritingEngine,
  ZstdEngineName,
} from './codec.ts';
import { isal } from './engines/isal.ts';
import { libdeflate } from './engines/libdeflate.ts';
import { libzstd } from './engines/libzstd.ts';
import { nodezstd } from './engines/node-zstd.ts';
import { zlib } from './engines/zlib.ts';
import { engineUnavailable } from './errors.ts';
import { fitted } from './fitted.ts';
import { type Level, levelOf, levels } from './levels.ts';

/*
 * Engines in plain JavaScript, which run anywhere. Few runs need one, and their libraries take 20 ms of each thread's
 * start: they are loaded when they are chosen.
 */

export const fflate: WritingEngine<'fflate'> = {
  name: 'fflate',
  unavailable: () => undefined,
  compressor: async (level) => (await import('./engines/fflate.ts')).compressor(level),
  decompressor: async () => (await import('./engines/fflate.ts')).decompressor(),
};

export const fzstd: Engine = {
  name: 'fzstd',
  unavailable: () => undefined,
  decompressor: async () => (await import('./engines/fzstd.ts')).decompressor(),
};

export const snappy: Engine = {
  name: 'snappyjs',
  unavailable: () => undefined,
  decompressor: async () => (await import('./engines/snappy.ts')).decompressor(),
};

// Best first: `auto` takes the first that the host has. `levels.ts` tells what was measured.
const gzip = [libdeflate, isal, zlib, fflate] as const;
const zstd = [libzstd, nodezstd] as const;
/** Fastest first: what `auto` takes where speed is all that is asked for. */
const fastGzip = [isal, libdeflate, zlib, fflate] as const;

/** What can read each algorithm. ISA-L is faster than zlib here too, but zlib depends on no struct layout. */
const readers: Readonly<Record<Algorithm, readonly Engine[]>> = {
  gz: [libdeflate, zlib, isal, fflate],
  zst: [...zstd, fzstd],
  sz: [snappy],
};

export interface CompressorOptions {
  /** @default 'gz' */
  readonly algorithm?: Exclude<Algorithm, 'sz'>;
  /** What writes gzip: `auto` or a {@link GzipEngineName}. Other algorithms do not look at it. @default 'auto' */
  readonly gzipEngine?: string;
  /** What writes Zstandard: `auto` or a {@link ZstdEngineName}. Other algorithms do not look at it. @default 'auto' */
  readonly zstdEngine?: string;
  /**
   * On the engine's own scale, see `levels`; with `fastest`, `auto` takes the fastest engine.
   *
   * @default the engine's own, which libdeflate fits to each file
   */
  readonly level?: Level;
}

export interface DecompressorOptions {
  readonly algorithm: Algorithm;
  /** `auto` or the name of an engine that reads the algorithm. @default 'auto' */
  readonly engine?: string;
}

/** The gzip engines that this host has, best first: `zlib` and `fflate` always, native ones where they are installed. */
export function gzipEngines(): readonly GzipEngineName[] {
  return gzip.filter(isAvailable).map((engine) => engine.name);
}

/** The engines that this host has to read an algorithm, best first. */
export function readingEngines(algorithm: Algorithm): readonly EngineName[] {
  return readers[algorithm].filter(isAvailable).map((engine) => engine.name);
}

/**
 * Makes a compressor for this thread.
 *
 * @throws InvalidOptionError when there is no such engine or level.
 * @throws CompressionError `ENGINE_UNAVAILABLE` when this host lacks the engine.
 */
export async function createCompressor(options: CompressorOptions = {}): Promise<Compressor> {
  const { algorithm = 'gz', gzipEngine = 'auto', zstdEngine = 'auto', level } = options;
  const engine =
    algorithm === 'gz'
      ? choose(level === 'fastest' ? fastGzip : gzip, gzipEngine, "Cannot write gzip: 'gzipEngine'")
      : choose(zstd, zstdEngine, "Cannot write zstd: 'zstdEngine'");
  const compressor = await engine.compressor(levelOf(engine.name, level));
  const { light } = levels[engine.name];
  if (level !== undefined || light === undefined) return compressor;
  return fitted(await engine.compressor(light.level), compressor, light.unlessGain);
}

/**
 * Makes a decompressor for this thread.
 *
 * @throws InvalidOptionError when there is no such engine.
 * @throws CompressionError `ENGINE_UNAVAILABLE` when this host lacks the engine.
 */
export async function createDecompressor({ algorithm, engine = 'auto' }: DecompressorOptions): Promise<Decompressor> {
  return choose(readers[algorithm], engine, `Cannot read .${algorithm}: 'engine'`).decompressor();
}

function isAvailable(engine: Engine): boolean {
  return engine.unavailable() === undefined;
}

function choose<E extends Engine>(all: readonly E[], asked: string, what: string): E {
  if (asked === 'auto') {
    const best = all.find(isAvailable);
    if (best) return best;
    throw engineUnavailable(`${what}: none is available: ${all.map((engine) => engine.unavailable()).join('; ')}`);
  }
  const engine = all.find(({ name }) => name === asked);
  if (!engine) {
    const names = ['auto', ...all.map(({ name }) => name)].join(', ');
    throw new InvalidOptionError(`${what} must be one of ${names}: got ${JSON.stringify(asked)}`);
  }
  const reason = engine.unavailable();
  if (reason !== undefined) throw engineUnavailable(`${what} ${asked} is not available: ${reason}`);
  return engine;
}
