import type { Engine, WritingEngine } from './codec.ts';

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
