import assert from 'node:assert/strict';
import process from 'node:process';
import { describe, it } from 'node:test';
import { InvalidOptionError } from '../../lib/common/errors.ts';
import { createCompressor, createDecompressor, gzipEngines, readingEngines } from '../../lib/compress/engine.ts';
import { Lazy, loadSharedLibrary } from '../../lib/compress/engines/native.ts';
import { CompressionError } from '../../lib/compress/errors.ts';
import { levelOf, levels } from '../../lib/compress/levels.ts';

describe('engines of this host', () => {
  it('always include the portable ones', () => {
    assert.ok(gzipEngines().includes('zlib'));
    assert.ok(gzipEngines().includes('fflate'));
    assert.ok(readingEngines('zst').includes('fzstd'));
    assert.deepEqual(readingEngines('sz'), ['snappyjs']);
  });

  it('include every native one in CI, so that no test passes without testing', () => {
    const { CI } = process.env;
    if (CI !== 'true') return;
    assert.deepEqual(gzipEngines(), ['libdeflate', 'isal', 'zlib', 'fflate']);
    assert.ok(readingEngines('zst').includes('libzstd'));
  });

  it('are chosen best first by auto', async () => {
    assert.equal((await createCompressor()).engine, gzipEngines()[0]);
    assert.equal((await createCompressor({ algorithm: 'gz', gzipEngine: 'auto' })).engine, gzipEngines()[0]);
    assert.equal((await createDecompressor({ algorithm: 'zst' })).engine, readingEngines('zst')[0]);
  });

  it('are chosen by name', async () => {
    for (const engine of gzipEngines()) {
      assert.equal((await createCompressor({ gzipEngine: engine })).engine, engine);
      assert.equal((await createDecompressor({ algorithm: 'gz', engine })).engine, engine);
    }
  });

  it('that are known but not installed cause an error with the remedy', async () => {
    const remedies = { libdeflate: /libdeflate0/, isal: /libisal2/, libzstd: /libzstd1/, nodezstd: /use Node 22/ };
    for (const [engine, remedy] of Object.entries(remedies)) {
      const algorithm = engine.includes('zstd') ? 'zst' : 'gz';
      const create = () => createDecompressor({ algorithm, engine });
      if (readingEngines(algorithm).some((name) => name === engine)) assert.equal((await create()).engine, engine);
      else {
        await assert.rejects(create, (error) => {
          return error instanceof CompressionError && error.code === 'ENGINE_UNAVAILABLE' && remedy.test(error.message);
        });
      }
    }
  });

  it('with an unknown name cause an option error that lists the names', async () => {
    const named = (error: unknown) =>
      error instanceof InvalidOptionError && /libdeflate, isal, zlib, fflate: got "libdefalte"/.test(error.message);
    await assert.rejects(createCompressor({ gzipEngine: 'libdefalte' }), named);
    await assert.rejects(createDecompressor({ algorithm: 'zst', engine: 'zlib' }), InvalidOptionError);
    await assert.rejects(createCompressor({ algorithm: 'zst', zstdEngine: 'fzstd' }), InvalidOptionError);
  });
});

describe('a native library', () => {
  it('that the host lacks causes an error at every use', () => {
    let loads = 0;
    const library = new Lazy(() => {
      loads++;
      return loadSharedLibrary('libwhisperbackup-nosuch.so.9');
    });
    assert.match(String(library.error), /cannot open shared object/);
    assert.throws(() => library.value, /cannot open shared object/);
    assert.equal(loads, 1);
  });
});

describe('levels', () => {
  it('have a default inside the range of each engine', () => {
    for (const { min, max, default: usual } of Object.values(levels)) assert.ok(min <= usual && usual <= max);
  });

  it('outside the range of the engine cause an option error with the range', async () => {
    for (const level of [0, 13, 1.5, Number.NaN]) {
      assert.throws(
        () => levelOf('libdeflate', level),
        (error) => error instanceof InvalidOptionError && /from 1 to 12: got/.test(error.message),
      );
    }
    await assert.rejects(createCompressor({ gzipEngine: 'zlib', level: 10 }), InvalidOptionError);
    await assert.rejects(createCompressor({ gzipEngine: 'fflate', level: -1 }), InvalidOptionError);
  });

  it('named fastest are those of the fastest engine of the host, or of the requested engine', async () => {
    const { engine, level } = await createCompressor({ level: 'fastest' });
    assert.deepEqual([engine, level], ['isal', 1]);
    for (const gzipEngine of gzipEngines()) {
      const asked = await createCompressor({ gzipEngine, level: 'fastest' });
      assert.deepEqual([asked.engine, asked.level], [gzipEngine, 1]);
    }
  });

  it('are reported by the compressor', async () => {
    assert.equal((await createCompressor({ gzipEngine: 'zlib', level: 1 })).level, 1);
    assert.equal((await createCompressor({ gzipEngine: 'zlib' })).level, levels.zlib.default);
  });
});
