import { Crc32c } from '@aws-crypto/crc32c';
import snappyjs from 'snappyjs';
import type { Decompressor } from '../codec.ts';
import { damaged } from '../errors.ts';
import { BoundedOutput } from '../output.ts';
import { checkSnappyBlock } from './snappyblock.ts';

const STREAM_IDENTIFIER = 0xff;
const COMPRESSED = 0x00;
const UNCOMPRESSED = 0x01;
/** Types from here on are skipped when unknown (and 0xfe is padding); below they are an error. */
const FIRST_SKIPPABLE = 0x80;

const IDENTIFIER = 'sNaPpY';
/** No chunk holds more than this, uncompressed. */
const CHUNK_MAX_BYTES = 65536;
const CRC_BYTES = 4;

/**
 * Reads the Snappy framing format, as python-snappy wrote it (framing_format.txt of Google's snappy), with `snappyjs`.
 * Only read: we write gzip.
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

/** Splits a stream, or several in a row, and checks that each begins as it must. */
function* chunks(data: Uint8Array): Generator<Chunk> {
  if (data.length === 0) throw damaged('snappy', 'it is empty');
  for (let at = 0; at < data.length; ) {
    const [type, low, middle, high] = data.subarray(at, at + 4);
    if (type === undefined || low === undefined || middle === undefined || high === undefined) {
      throw damaged('snappy', `cut at byte ${data.length}`);
    }
    const end = at + 4 + (low | (middle << 8) | (high << 16));
    if (end > data.length) throw damaged('snappy', `cut at byte ${data.length}`);
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
  if (bytes.length > CHUNK_MAX_BYTES) throw wrong(chunk, `${bytes.length} bytes are too many`);
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

/** Rotated by 15 bits, plus a constant, so that a CRC of data that holds CRCs stays strong. */
function maskedCrc32c(data: Uint8Array): number {
  const crc = new Crc32c().update(data).digest();
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function wrong(chunk: Chunk, detail: string, cause?: unknown): Error {
  return damaged('snappy', `${detail} at byte ${chunk.at}`, cause);
}
