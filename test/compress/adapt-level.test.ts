import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { madeWhisper } from '../../bench/trees/made-whisper.ts';
import { randomFrom } from '../../bench/trees/seeded-random.ts';
import { seriesKinds } from '../../bench/trees/series.ts';
import { adaptLevel } from '../../lib/compress/adapt-level.ts';
import type { Compressor } from '../../lib/compress/codec.ts';
import { createCompressor } from '../../lib/compress/engine.ts';
import { levels } from '../../lib/compress/levels.ts';

const NOW = 1_763_780_400;
const ARCHIVES = [
  { secondsPerPoint: 60, points: 10_000 },
  { secondsPerPoint: 3600, points: 5000 },
];

function whisperOf(kind: keyof typeof seriesKinds): Uint8Array {
  const series = seriesKinds[kind](randomFrom(7), { now: NOW });
  return madeWhisper(series, { archives: ARCHIVES, method: 'average', now: NOW });
}

/** Returns that many bytes; the first one identifies the compressor. */
function pretended(name: number, sizeOf: (data: Uint8Array) => number): Compressor {
  return {
    algorithm: 'gz',
    engine: 'zlib',
    level: name,
    compress: (data) => new Uint8Array(sizeOf(data)).fill(name, 0, 1),
  };
}

describe('adaptive compression', () => {
  const light = pretended(1, (data) => data.length / 2);

  it('uses the thorough level only if samples of the file gain enough', () => {
    const large = new Uint8Array(1_000_000);
    const gaining = (part: number) => pretended(9, (data) => Math.round((data.length / 2) * (1 - part)));
    assert.equal(adaptLevel(light, gaining(0.2), 0.1).compress(large)[0], 9);
    assert.equal(adaptLevel(light, gaining(0.05), 0.1).compress(large)[0], 1);
  });

  it('uses the thorough level for nearly empty files, where it takes no longer', () => {
    const large = new Uint8Array(1_000_000);
    const some = (name: number, part: number) => pretended(name, (data) => Math.round(data.length * part));
    assert.equal(adaptLevel(some(1, 0.01), some(9, 0.01), 0.1).compress(large)[0], 9);
    assert.equal(adaptLevel(some(1, 0.05), some(9, 0.05), 0.1).compress(large)[0], 1);
  });

  it('uses the thorough level for small files, without samples', () => {
    const sizes: number[] = [];
    const thorough = pretended(9, (data) => {
      sizes.push(data.length);
      return data.length;
    });
    assert.equal(adaptLevel(light, thorough, 0.1).compress(new Uint8Array(20_000))[0], 9);
    assert.deepEqual(sizes, [20_000]);
  });

  it('is the default of libdeflate for Whisper files', async () => {
    const { light: rule, default: usual } = levels.libdeflate;
    assert.ok(rule);
    const fitting = await createCompressor({ gzipEngine: 'libdeflate' });
    const at = async (level: number, data: Uint8Array) =>
      (await createCompressor({ gzipEngine: 'libdeflate', level })).compress(data);
    const constant = whisperOf('constant');
    assert.deepEqual(fitting.compress(constant), await at(usual, constant));
    const wave = whisperOf('daily wave with noise, 3 decimals');
    assert.deepEqual(fitting.compress(wave), await at(rule.level, wave));
    assert.ok((await at(usual, constant)).length < (1 - rule.unlessGain) * (await at(rule.level, constant)).length);
    assert.ok((await at(usual, wave)).length > (1 - rule.unlessGain) * (await at(rule.level, wave)).length);
  });
});
