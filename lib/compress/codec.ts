/** The compression of a backup, by its file name extension: gzip, Zstandard, Snappy framing format. */
export type Algorithm = 'gz' | 'zst' | 'sz';

export type GzipEngineName = 'libdeflate' | 'isal' | 'zlib' | 'fflate';

export type ZstdEngineName = 'libzstd' | 'nodezstd';

export type WritingEngineName = GzipEngineName | ZstdEngineName;

/** `fzstd` only reads Zstandard, `snappyjs` only reads the Snappy framing format. */
export type EngineName = WritingEngineName | 'fzstd' | 'snappyjs';

/**
 * Compresses the bytes of a file into a complete stream. The same bytes and engine on the same machine give the same
 * stream. Synchronous, for use in a worker thread, and reusable.
 */
export interface Compressor {
  readonly algorithm: Algorithm;
  readonly engine: WritingEngineName;
  /** On the scale of the engine. */
  readonly level: number;
  /**
   * @param memory provides memory of at least that many bytes for the output; not every engine uses it.
   * @returns bytes in that memory, or with their own.
   */
  compress(data: Uint8Array, memory?: (bytes: number) => Uint8Array): Uint8Array;
}

/** Limits for the output of a decoder. */
export interface DecodeBound {
  readonly maxBytes: number;
  /**
   * Returns the maximum size of the output from its first bytes, or undefined if they do not determine it. Called once,
   * with at least 4 KiB or the whole output. More output is an error. A WhisperBackupError that it throws is passed on
   * unchanged.
   */
  readonly sizeOf?: (head: Uint8Array) => number | undefined;
  /** Expected size of the output: memory up to this size is allocated at once. */
  readonly expectedBytes?: number;
  /** Provides memory of at least that many bytes for the output, with any content. The result may be a view of it. */
  readonly memory?: (bytes: number) => Uint8Array;
}

/** Decompresses one complete stream. Synchronous and reusable, like {@link Compressor}. */
export interface Decompressor {
  readonly algorithm: Algorithm;
  readonly engine: EngineName;
  /**
   * @returns bytes with their own memory, unless `bound.memory` provided it.
   * @throws CompressionError if the stream is damaged, truncated or exceeds the bound.
   */
  decompress(data: Uint8Array, bound: DecodeBound): Uint8Array;
}

export interface Engine {
  readonly name: EngineName;
  /** @returns why it cannot be used on this host and what to do, or undefined if it can. */
  unavailable(): string | undefined;
  /** Only called if the engine is available. Returns a promise if its code must be loaded first. */
  decompressor(): Decompressor | Promise<Decompressor>;
}

export interface WritingEngine<Name extends WritingEngineName = WritingEngineName> extends Engine {
  readonly name: Name;
  /** Only called if the engine is available. @param level a valid level of this engine. */
  compressor(level: number): Compressor | Promise<Compressor>;
}
