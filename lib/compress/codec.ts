/** How a backup is compressed, as its file name ends: gzip, Zstandard, Snappy framing format. */
export type Algorithm = 'gz' | 'zst' | 'sz';

/** What reads and writes gzip. */
export type GzipEngineName = 'libdeflate' | 'isal' | 'zlib' | 'fflate';

/** What reads and writes Zstandard. */
export type ZstdEngineName = 'libzstd' | 'nodezstd';

/** Engines that compress. */
export type WritingEngineName = GzipEngineName | ZstdEngineName;

/** All engines: `fzstd` only reads Zstandard, `snappyjs` the Snappy framing format. */
export type EngineName = WritingEngineName | 'fzstd' | 'snappyjs';

/**
 * Compresses one file's bytes into one complete stream: the same bytes and the same engine on the same machine give the
 * same stream. Synchronous: it runs in a worker thread, and may be used for any number of files there, one at a time.
 */
export interface Compressor {
  readonly algorithm: Algorithm;
  /** The engine's name as `--gzip-engine` takes it. */
  readonly engine: WritingEngineName;
  /** On the engine's own scale. */
  readonly level: number;
  /** The result owns its `ArrayBuffer`, so that it can be transferred to another thread. */
  compress(data: Uint8Array): Uint8Array;
}

/** What a decoder may believe of its output. */
export interface DecodeBound {
  /** Never more than this many bytes. */
  readonly maxBytes: number;
  /**
   * Asked once, with the first bytes of output (at least 4 KiB, or all there is): how large the whole may be, or
   * undefined when they do not tell. More output than the lesser of both is damage. A WhisperBackupError that it throws
   * reaches the caller as it is.
   */
  readonly sizeOf?: (head: Uint8Array) => number | undefined;
  /** How large the output is expected to be: memory up to this size is allocated at once. */
  readonly expectedBytes?: number;
  /** Memory for the output, of at least that many bytes, with anything in it. The result may then be a view of it. */
  readonly memory?: (bytes: number) => Uint8Array;
}

/** Decompresses one complete stream. Synchronous and reusable, like {@link Compressor}. */
export interface Decompressor {
  readonly algorithm: Algorithm;
  readonly engine: EngineName;
  /**
   * The result owns its memory, unless the bound gives some.
   *
   * @throws CompressionError when the stream is damaged, cut, or larger than the bound.
   */
  decompress(data: Uint8Array, bound: DecodeBound): Uint8Array;
}

/** One library that can read one algorithm. */
export interface Engine {
  readonly name: EngineName;
  /** Why it cannot be used on this host and what to do about it, or undefined when it can. */
  unavailable(): string | undefined;
  /** Only called when it is available. A promise where its code has to be loaded first. */
  decompressor(): Decompressor | Promise<Decompressor>;
}

/** One that also writes it. */
export interface WritingEngine<Name extends WritingEngineName = WritingEngineName> extends Engine {
  readonly name: Name;
  /** Only called when it is available. @param level on its own scale, checked by the caller. */
  compressor(level: number): Compressor | Promise<Compressor>;
}
