import assert from 'node:assert/strict';
import type { DecodeBound, Decompressor } from '../../lib/compress/codec.ts';
import { CompressionError, type CompressionErrorCode } from '../../lib/compress/errors.ts';

export const GENEROUS: DecodeBound = { maxBytes: 2 ** 31 };

export function assertRefused(
  decompressor: Decompressor,
  data: Uint8Array,
  bound: DecodeBound = GENEROUS,
  code: CompressionErrorCode = 'COMPRESSION_DAMAGED',
): void {
  assert.throws(
    () => decompressor.decompress(data, bound),
    (error) => error instanceof CompressionError && error.code === code,
  );
}

/** Decoders may ignore some bits (padding, hints); the output must be right or rejected. */
export function assertRightOrRefused(decompressor: Decompressor, data: Uint8Array, content: Uint8Array): void {
  let output: Uint8Array;
  try {
    output = decompressor.decompress(data, GENEROUS);
  } catch (error) {
    assert.ok(error instanceof CompressionError, `not a CompressionError: ${error}`);
    return;
  }
  assert.deepEqual(output, content);
}
