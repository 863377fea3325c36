import { damagedError } from './errors.ts';

/** The structure of a Zstandard stream, without decoding it: RFC 8878, section 3.1. */

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
/** The maximum size of a block, compressed or not. */
const BLOCK_MAX_BYTES = 128 * 1024;
/** The largest window that libzstd allows by default, so that a header alone cannot use much memory. */
const WINDOW_MAX_BYTES = 2 ** 27;

/** Offset of the window descriptor: after the magic number and the frame header descriptor. */
const WINDOW_AT = 5;
/** The smallest window is 1 KiB. */
const WINDOW_MIN_LOG = 10;

export interface ZstdFrame {
  readonly whole: Uint8Array;
  /** Header and blocks, without the checksum. */
  readonly body: Uint8Array;
  /** The end of each block in `body`. The first block includes the header. */
  readonly blockEnds: readonly number[];
  /** How far back its blocks may refer, and so how much a decoder may have to keep. */
  readonly windowBytes: number;
  /** The size in the header, if any: to be compared, never allocated. */
  readonly contentBytes: number | undefined;
  /** The low 32 bits of the content's XXH64, if any. */
  readonly checksum: number | undefined;
}

/**
 * Yields the frames of a stream, without skippable ones.
 *
 * @throws CompressionError if it is truncated, empty, or has other data between or after the frames.
 */
export function* zstdFrames(data: Uint8Array): Generator<ZstdFrame> {
  const reader = new Reader(data);
  if (data.length === 0) throw damagedError('zstd', 'it is empty');
  while (reader.at < data.length) {
    const start = reader.at;
    const magic = reader.uint(4);
    if ((magic & ~0xf) >>> 0 === SKIPPABLE) reader.skip(reader.uint(4));
    else if (magic === MAGIC) yield readFrame(reader, start);
    else throw damagedError('zstd', `no zstd frame at byte ${start}`);
  }
}

function readFrame(reader: Reader, start: number): ZstdFrame {
  const descriptor = reader.uint(1);
  const single = (descriptor & 0x20) !== 0;
  if (descriptor & 0x08) throw damagedError('zstd', `a reserved bit is set at byte ${start + 4}`);
  const window = single ? 0 : windowOf(reader.uint(1));
  if (reader.uint([0, 1, 2, 4][descriptor & 3] ?? 0) !== 0) throw damagedError('zstd', 'it requires a dictionary');
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const contentBytes = sizeBytes === 0 ? undefined : reader.uint(sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  const needed = single ? (contentBytes ?? 0) : window;

  const blockEnds: number[] = [];
  for (let last = false; !last; ) {
    const header = reader.uint(3);
    last = (header & 1) === 1;
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type === 3 || size > BLOCK_MAX_BYTES) throw damagedError('zstd', `bad block before byte ${reader.at}`);
    // A run-length block stores one byte; its size is that of the output.
    reader.skip(type === 1 ? 1 : size);
    blockEnds.push(reader.at - start);
  }
  const bodyEnd = reader.at - start;
  const checksum = descriptor & 4 ? reader.uint(4) : undefined;
  const whole = reader.since(start);
  const frame = { whole, body: whole.subarray(0, bodyEnd), blockEnds, windowBytes: needed, contentBytes, checksum };
  return needed <= WINDOW_MAX_BYTES ? frame : narrowWindow(frame, single);
}

/**
 * Reduces the window of a frame to the size of its content: `zstd --long` writes the requested window even for small
 * content, and decoders reject it or allocate it.
 */
function narrowWindow(frame: ZstdFrame, single: boolean): ZstdFrame {
  const { blockEnds, contentBytes = Number.POSITIVE_INFINITY, windowBytes } = frame;
  const most = Math.max(BLOCK_MAX_BYTES, Math.min(contentBytes, blockEnds.length * BLOCK_MAX_BYTES));
  if (single || most > WINDOW_MAX_BYTES) throw damagedError('zstd', `it requires a window of ${windowBytes} bytes`);
  const exponent = Math.ceil(Math.log2(most)) - WINDOW_MIN_LOG;
  const whole = frame.whole.slice();
  whole[WINDOW_AT] = exponent << 3;
  return { ...frame, whole, body: whole.subarray(0, frame.body.length), windowBytes: 2 ** (WINDOW_MIN_LOG + exponent) };
}

/** Returns the same stream with reduced windows, for a decoder that parses frames itself. */
export function narrowWindows(data: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([...zstdFrames(data)].map(({ whole }) => whole)));
}

function windowOf(descriptor: number): number {
  const base = 2 ** (WINDOW_MIN_LOG + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** Reads little-endian numbers from a stream that may be truncated anywhere. */
class Reader {
  at = 0;
  readonly #data: Uint8Array;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  skip(bytes: number): void {
    if (this.at + bytes > this.#data.length) throw damagedError('zstd', `truncated at byte ${this.#data.length}`);
    this.at += bytes;
  }

  uint(bytes: number): number {
    const start = this.at;
    this.skip(bytes);
    let value = 0;
    for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (this.#data[start + i] ?? 0);
    return value;
  }

  since(start: number): Uint8Array {
    return this.#data.subarray(start, this.at);
  }
}

/** `ZSTD_cParameter` of libzstd, which `node:zlib` uses too. */
const COMPRESSION_LEVEL = 100;
const HASH_LOG = 102;
const CHAIN_LOG = 103;
const MIN_MATCH = 105;
const CONTENT_SIZE_FLAG = 200;
const CHECKSUM_FLAG = 201;

/**
 * Search tables of level 3 that fit into the caches of a core: 32 and 64 KiB instead of 512 and 256. Whisper files
 * repeat every 12 bytes, so larger tables hardly find more: files of 1 MB and of 226 KB took three quarters of the
 * time, and their output was between 0.8 % smaller and 0.2 % larger. For files of 17 KB nothing changed.
 */
const SMALL_TABLES = { [HASH_LOG]: 13, [CHAIN_LOG]: 14, [MIN_MATCH]: 5 };
const TUNED_LEVEL = 3;

/** Returns the parameters of a level, by number. Frames have the content size and a checksum. */
export function zstdParameters(level: number): Readonly<Record<number, number>> {
  return {
    [COMPRESSION_LEVEL]: level,
    [CONTENT_SIZE_FLAG]: 1,
    [CHECKSUM_FLAG]: 1,
    ...(level === TUNED_LEVEL && SMALL_TABLES),
  };
}
