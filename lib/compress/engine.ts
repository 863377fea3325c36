import { InvalidOptionError } from '../common/errors.ts';
import { adaptLevel } from './adapt-level.ts';
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
import { type Level, levelOf, levels } from './levels.ts';

/*
 * Engines in plain JavaScript, which work everywhere. They are loaded only when chosen: few runs need one, and loading
 * them takes 20 ms in each thread.
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

// Best first: `auto` takes the first that is available. See `levels.ts` for the measurements.
const gzip = [libdeflate, isal, zlib, fflate] as const;
const zstd = [libzstd, nodezstd] as const;
/** Fastest first: for `auto` with the level `fastest`. */
const fastGzip = [isal, libdeflate, zlib, fflate] as const;

/** Best first. ISA-L is faster than zlib for reading too, but zlib does not depend on the layout of structs. */
const readers: Readonly<Record<Algorithm, readonly Engine[]>> = {
  gz: [libdeflate, zlib, isal, fflate],
  zst: [...zstd, fzstd],
  sz: [snappy],
};

export interface CompressorOptions {
  /** @default 'gz' */
  readonly algorithm?: Exclude<Algorithm, 'sz'>;
  /** `auto` or a {@link GzipEngineName}; for gzip only. @default 'auto' */
  readonly gzipEngine?: string;
  /** `auto` or a {@link ZstdEngineName}; for Zstandard only. @default 'auto' */
  readonly zstdEngine?: string;
  /**
   * On the scale of the engine, see `levels`. With `fastest`, `auto` takes the fastest engine.
   *
   * @default that of the engine; libdeflate chooses between two levels for each file
   */
  readonly level?: Level;
}

interface DecompressorOptions {
  readonly algorithm: Algorithm;
  /** `auto` or the name of an engine for this algorithm. @default 'auto' */
  readonly engine?: string;
}

/** Returns the available gzip engines, best first. `zlib` and `fflate` are always available. */
export function gzipEngines(): readonly GzipEngineName[] {
  return gzip.filter(isAvailable).map((engine) => engine.name);
}

export function readingEngines(algorithm: Algorithm): readonly EngineName[] {
  return readers[algorithm].filter(isAvailable).map((engine) => engine.name);
}

/**
 * Creates a compressor for this thread.
 *
 * @throws InvalidOptionError if the engine or the level does not exist.
 * @throws CompressionError `ENGINE_UNAVAILABLE` if the engine is not available on this host.
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
  return adaptLevel(await engine.compressor(light.level), compressor, light.unlessGain);
}

/**
 * Creates a decompressor for this thread.
 *
 * @throws InvalidOptionError if the engine does not exist.
 * @throws CompressionError `ENGINE_UNAVAILABLE` if the engine is not available on this host.
 */
export async function createDecompressor({ algorithm, engine = 'auto' }: DecompressorOptions): Promise<Decompressor> {
  return choose(readers[algorithm], engine, `Cannot read .${algorithm}: 'engine'`).decompressor();
}

function isAvailable(engine: Engine): boolean {
  return engine.unavailable() === undefined;
}

function choose<E extends Engine>(all: readonly E[], requested: string, what: string): E {
  if (requested === 'auto') {
    const best = all.find(isAvailable);
    if (best) return best;
    throw engineUnavailable(`${what}: no engine is available: ${all.map((engine) => engine.unavailable()).join('; ')}`);
  }
  const engine = all.find(({ name }) => name === requested);
  if (!engine) {
    const names = ['auto', ...all.map(({ name }) => name)].join(', ');
    throw new InvalidOptionError(`${what} must be one of ${names}: got ${JSON.stringify(requested)}`);
  }
  const reason = engine.unavailable();
  if (reason !== undefined) throw engineUnavailable(`${what} ${requested} is not available: ${reason}`);
  return engine;
}
