import { Crc32c } from '@aws-crypto/crc32c';
import snappyjs from 'snappyjs';
import type { Decompressor } from '../codec.ts';
import { damagedError } from '../errors.ts';
import { BoundedOutput } from '../output.ts';

const STREAM_IDENTIFIER = 0xff;
const COMPRESSED = 0x00;
const UNCOMPRESSED = 0x01;
/** Unknown chunk types from here are skipped (0xfe is padding); unknown types below are an error. */
const FIRST_SKIPPABLE = 0x80;

const IDENTIFIER = 'sNaPpY';
/** The maximum uncompressed size of a chunk. */
const CHUNK_MAX_BYTES = 65536;
const CRC_BYTES = 4;

/**
 * Reads the Snappy framing format (framing_format.txt of Google's snappy), which the Python tool wrote, with
 * `snappyjs`.
 */
export function decompressor(): Decompressor {
  return {
    algorithm: 'sz',
    engine: 'snappyjs',
    decompress(data, bound) {
      const output = new BoundedOutput('snappy', bound);
      for (const chunk of chunks(data)) {
        if (chunk.type === COMPRESSED || chunk.type === UNCOMPRESSED) output.append(content(chunk));
        else if (chunk.type < FIRST_SKIPPABLE) throw wrong(chunk, `unknown chunk type ${chunk.type}`);
      }
      return output.finish();
    },
  };
}

interface Chunk {
  readonly at: number;
  readonly type: number;
  readonly body: Uint8Array;
}

function* chunks(data: Uint8Array): Generator<Chunk> {
  if (data.length === 0) throw damagedError('snappy', 'it is empty');
  for (let at = 0; at < data.length; ) {
    const [type, low, middle, high] = data.subarray(at, at + 4);
    if (type === undefined || low === undefined || middle === undefined || high === undefined) {
      throw damagedError('snappy', `truncated at byte ${data.length}`);
    }
    const end = at + 4 + (low | (middle << 8) | (high << 16));
    if (end > data.length) throw damagedError('snappy', `truncated at byte ${data.length}`);
    const chunk = { at, type, body: data.subarray(at + 4, end) };
    if (type === STREAM_IDENTIFIER) {
      if (new TextDecoder().decode(chunk.body) !== IDENTIFIER) throw wrong(chunk, 'bad stream identifier');
    } else if (at === 0) {
      throw wrong(chunk, 'no stream identifier');
    }
    yield chunk;
    at = end;
  }
}

function content(chunk: Chunk): Uint8Array {
  const { body } = chunk;
  if (body.length < CRC_BYTES) throw wrong(chunk, 'no checksum');
  const stored = new DataView(body.buffer, body.byteOffset, CRC_BYTES).getUint32(0, true);
  const payload = body.subarray(CRC_BYTES);
  const bytes = chunk.type === UNCOMPRESSED ? payload : uncompress(chunk, payload);
  if (bytes.length > CHUNK_MAX_BYTES) throw wrong(chunk, `the chunk of ${bytes.length} bytes is too large`);
  if (maskedCrc32c(bytes) !== stored) throw wrong(chunk, 'wrong CRC-32C');
  return bytes;
}

function uncompress(chunk: Chunk, block: Uint8Array): Uint8Array {
  const flaw = checkSnappyBlock(block, CHUNK_MAX_BYTES);
  if (flaw !== undefined) throw wrong(chunk, flaw);
  try {
    return snappyjs.uncompress(block, CHUNK_MAX_BYTES);
  } catch (error) {
    throw wrong(chunk, 'bad block', error);
  }
}

/** Masked as framing_format.txt requires, because the CRC of data that contains CRCs would be weak. */
function maskedCrc32c(data: Uint8Array): number {
  const crc = new Crc32c().update(data).digest();
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function wrong(chunk: Chunk, detail: string, cause?: unknown): Error {
  return damagedError('snappy', `${detail} at byte ${chunk.at}`, cause);
}

/**
 * Checks the elements of a raw Snappy block (format_description.txt of Google's snappy) without decoding it. snappyjs
 * trusts lengths: a literal with 4 length bytes can make it loop for ever, and a truncated one leaves zeros.
 *
 * @returns what is wrong, or undefined.
 */
function checkSnappyBlock(block: Uint8Array, maxBytes: number): string | undefined {
  const [declared, start] = readVarint(block);
  if (start === 0 || declared > maxBytes) return 'bad block length';
  let made = 0;
  for (let at = start; at < block.length; ) {
    const tag = block[at] ?? 0;
    const kind = tag & 3;
    const more = tag >> 2;
    const extra = kind === 0 ? Math.max(0, more - 59) : ([0, 1, 2, 4][kind] ?? 0);
    if (at + 1 + extra > block.length) return 'truncated block';
    const number = littleEndian(block, at + 1, extra);
    at += 1 + extra;
    if (kind === 0) {
      const length = (extra === 0 ? more : number) + 1;
      if (at + length > block.length) return 'truncated block';
      at += length;
      made += length;
    } else {
      const offset = kind === 1 ? ((tag >> 5) << 8) | number : number;
      if (offset === 0 || offset > made) return 'block with an invalid back-reference';
      made += kind === 1 ? (more & 7) + 4 : more + 1;
    }
    if (made > declared) return 'block longer than declared';
  }
  return made === declared ? undefined : 'block shorter than declared';
}

/** @returns the number and the position after it; the position is 0 if there is no number of at most 5 bytes. */
function readVarint(block: Uint8Array): readonly [value: number, end: number] {
  let value = 0;
  for (const [i, byte] of block.subarray(0, 5).entries()) {
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return [value, i + 1];
  }
  return [0, 0];
}

function littleEndian(block: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (block[at + i] ?? 0);
  return value;
}
