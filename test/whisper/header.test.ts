import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { codeOf } from '../../lib/common/errors.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { WhisperCompressedError, WhisperDamagedError } from '../../lib/whisper/errors.ts';
import { isCompressed, parseHeader, sizeOf } from '../../lib/whisper/header.ts';
import { archives } from './arbitrary.ts';

const SCHEMA = [
  { secondsPerPoint: 60, points: 60 },
  { secondsPerPoint: 300, points: 24 },
];

/** A sound file with one 32-bit field of its header changed. */
function withField(offset: number, value: number): Uint8Array {
  const bytes = createWhisper(SCHEMA);
  new DataView(bytes.buffer).setUint32(offset, value);
  return bytes;
}

function compressed(): Uint8Array {
  const bytes = new Uint8Array(4096);
  bytes.set(new TextEncoder().encode('whisper_compressed'));
  return bytes;
}

describe('parseHeader', () => {
  it('parses the header that create wrote', () => {
    assert.deepEqual(parseHeader(createWhisper(SCHEMA, { aggregation: 'absmin', xFilesFactor: 0.25 })), {
      aggregation: 'absmin',
      maxRetention: 7200,
      xFilesFactor: 0.25,
      archives: [
        { offset: 40, secondsPerPoint: 60, points: 60, retention: 3600, size: 720 },
        { offset: 760, secondsPerPoint: 300, points: 24, retention: 7200, size: 288 },
      ],
      size: 1048,
    });
  });

  it('parses a file inside a larger buffer', () => {
    const bytes = createWhisper(SCHEMA);
    const buffer = new Uint8Array(bytes.length + 20);
    buffer.set(bytes, 7);
    assert.deepEqual(parseHeader(buffer.subarray(7, 7 + bytes.length)), parseHeader(bytes));
  });

  it('rejects a file that is truncated anywhere, or empty', () => {
    fc.assert(
      fc.property(archives, fc.nat(), (list, at) => {
        const bytes = createWhisper(list);
        assert.throws(() => parseHeader(bytes.subarray(0, at % bytes.length)), WhisperDamagedError);
      }),
    );
    assert.throws(() => parseHeader(new Uint8Array(0)), /it is empty/);
  });

  it('accepts a file that is longer than its header requires', () => {
    const bytes = new Uint8Array(1049);
    bytes.set(createWhisper(SCHEMA));
    assert.equal(parseHeader(bytes).size, 1048);
  });

  it('rejects random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.throws(() => parseHeader(bytes), WhisperDamagedError);
      }),
    );
  });

  const damages: [string, number, number, RegExp][] = [
    ['an aggregation method that does not exist', 0, 9, /aggregation method is 9/],
    ['aggregation method 0', 0, 0, /aggregation method is 0/],
    ['an xFilesFactor over 1', 8, 0x40000000, /xFilesFactor is 2/],
    ['an xFilesFactor that is NaN', 8, 0x7fc00000, /xFilesFactor is NaN/],
    ['no archives', 12, 0, /no archives/],
    ['4 billion archives', 12, 0xffffffff, /4294967295 archives/],
    ['a longest retention of 0', 4, 0, /longest retention is 0 s/],
    ['an archive inside the header', 16, 39, /archive 0 starts at byte 39/],
    ['a step of 0', 20, 0, /archive 0 has 0 seconds/],
    ['an archive without points', 36, 0, /archive 1 has no points/],
    ['4 billion points', 36, 0xffffffff, /is truncated/],
  ];
  for (const [what, offset, value, message] of damages) {
    it(`rejects ${what}`, () => {
      assert.throws(
        () => parseHeader(withField(offset, value)),
        (error: unknown) => error instanceof WhisperDamagedError && message.test(error.message),
      );
    });
  }

  it('rejects a valid header with 4 billion points as truncated, without allocating memory for them', () => {
    const bytes = new Uint8Array(28);
    const view = new DataView(bytes.buffer);
    for (const [i, field] of [1, 0xffffffff, 0, 1, 28, 1, 0xffffffff].entries()) view.setUint32(i * 4, field);
    assert.throws(() => parseHeader(bytes), /is truncated: its header requires 51539607568 bytes/);
    assert.equal(sizeOf(bytes), 28 + 0xffffffff * 12);
  });

  it("recognizes go-carbon's compressed files", () => {
    assert.equal(isCompressed(compressed()), true);
    assert.equal(isCompressed(compressed().subarray(0, 17)), false);
    assert.equal(isCompressed(createWhisper(SCHEMA)), false);
    assert.throws(
      () => parseHeader(compressed()),
      (error: unknown) => error instanceof WhisperCompressedError && codeOf(error) === 'WHISPER_COMPRESSED',
    );
  });
});

describe('sizeOf', () => {
  it('returns the size of the whole file from its first bytes', () => {
    fc.assert(
      fc.property(archives, (list) => {
        const bytes = createWhisper(list);
        assert.equal(sizeOf(bytes.subarray(0, 16 + 12 * list.length)), bytes.length);
        assert.equal(sizeOf(bytes), bytes.length);
      }),
    );
  });

  it('returns undefined for too few bytes, a compressed file or random bytes', () => {
    assert.equal(sizeOf(createWhisper(SCHEMA).subarray(0, 39)), undefined);
    assert.equal(sizeOf(new Uint8Array(0)), undefined);
    assert.equal(sizeOf(compressed()), undefined);
    assert.equal(sizeOf(new Uint8Array(4096).fill(0xff)), undefined);
  });
});
