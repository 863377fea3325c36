import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { InvalidOptionError } from '../../lib/common/errors.ts';
import { createCompressor } from '../../lib/compress/engine.ts';
import { PermanentError, TransientError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { exitCodeOfSummary } from '../../scripts/cli/run/exit-code.ts';
import { delegate } from '../fixtures/delegate.ts';
import { backUp, Clock, codesOf, listAll, restoreTree } from '../fixtures/operations.ts';
import { putPair } from '../fixtures/python-bucket.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, plant, plantTree, readTree, whisperFile } from '../fixtures/tree.ts';
import { keysOf } from '../store/collect.ts';
import { createMemoryStore } from '../store/memory-store.ts';

describe('backup', () => {
  it('python tool #4: keeps the only backup of a metric whose upload fails, with -r 1', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    const files = await plantTree(scratch.at('tree'), ['a.wsp', 'b.wsp'], { now: clock.seconds });
    await backUp(store, scratch.at('tree'), { retention: 1, now: clock.now });
    const before = await keysOf(store, { prefix: 'a/' });

    clock.pass({ days: 1 });
    await plantTree(scratch.at('tree'), ['a.wsp', 'b.wsp'], { now: clock.seconds });
    const broken = failingPuts(store, (key) => key.startsWith('a/') && new TransientError('Cannot store: no reply'));
    const summary = await backUp(broken, scratch.at('tree'), { retention: 1, now: clock.now });
    assert.deepEqual(codesOf(summary.failed), { a: 'TRANSIENT' });
    assert.deepEqual([summary.counts['stored'], summary.counts['retired']], [1, 1]);
    assert.equal(exitCodeOfSummary(summary), 3);
    assert.deepEqual(await keysOf(store, { prefix: 'a/' }), before);
    await restoreTree(store, scratch.at('restored'), { metrics: 'a' });
    assert.deepEqual((await readTree(scratch.at('restored'))).get('a.wsp'), files.get('a.wsp'));
  });

  it('python tool #5: deletes nothing when the store cannot say that all is safely on the disk', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    await plantTree(scratch.at('tree'), ['a.wsp'], { now: clock.seconds });
    await backUp(store, scratch.at('tree'), { now: clock.now });
    const before = await keysOf(store, { prefix: 'a/' });
    clock.pass({ days: 1 });
    await plantTree(scratch.at('tree'), ['a.wsp'], { now: clock.seconds });
    const full: ObjectStore = delegate(store, {
      flush: async () => {
        throw new PermanentError('Cannot flush: no space left');
      },
    });
    await assert.rejects(backUp(full, scratch.at('tree'), { retention: 1, now: clock.now }), { code: 'PERMANENT' });
    const after = await keysOf(store, { prefix: 'a/' });
    assert.deepEqual(
      before.filter((key) => !after.includes(key)),
      [],
    );
  });

  it('python tool #6: counts whatever is thrown for a metric, and goes on with the others', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    const files = await plantTree(
      scratch.at('tree'),
      Array.from({ length: 60 }, (_, i) => `m${i}.wsp`),
    );
    const broken = failingPuts(store, (key) => key.startsWith('m7/') && new TypeError('fetch failed'));
    const summary = await backUp(broken, scratch.at('tree'));
    assert.deepEqual(codesOf(summary.failed), { m7: 'UNEXPECTED' });
    assert.equal(summary.failed[0]?.reason, 'fetch failed');
    assert.equal(exitCodeOfSummary(summary), 3);
    await restoreTree(store, scratch.at('restored'));
    files.delete('m7.wsp');
    assert.deepEqual(contents(await readTree(scratch.at('restored'))), contents(files));
  });

  it('python tool #15: counts backups of every algorithm for retention, and restores the newest of any', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    for (const [day, algorithm] of [
      ['01', 'sz'],
      ['02', 'gz'],
    ] as const) {
      await putPair(store, 'a', `2025-12-${day}T00:00:00+00:00`, whisperFile({ seed: Number(day) }), { algorithm });
    }
    for (const [seed, algorithm, kept] of [
      [10, 'zst', ['sz', 'gz', 'zst']],
      [11, 'gz', ['gz', 'zst', 'gz']],
      [12, 'zst', ['zst', 'gz', 'zst']],
    ] as const) {
      clock.pass({ days: 1 });
      const bytes = whisperFile({ seed });
      await plant(scratch.at('tree'), 'a.wsp', bytes);
      const summary = await backUp(store, scratch.at('tree'), { retention: 3, purge: 0, algorithm, now: clock.now });
      assert.equal(summary.counts['stored'], 1);
      const listed = await listAll(store);
      assert.deepEqual(
        listed.map((backup) => backup.algorithm),
        kept,
      );
      await rm(scratch.at('restored'), { recursive: true, force: true });
      await restoreTree(store, scratch.at('restored'));
      assert.deepEqual((await readTree(scratch.at('restored'))).get('a.wsp'), bytes);
    }
    // Nothing of those that were retired is left behind, both objects of the pairs included.
    assert.equal((await keysOf(store, { prefix: 'a/' })).length, 3);
  });

  it('python tool #30: trims metrics that did not change when fewer backups are to be kept', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    for (let runs = 0; runs < 3; runs++) {
      await plantTree(scratch.at('tree'), ['a.wsp'], { now: clock.seconds });
      await backUp(store, scratch.at('tree'), { now: clock.now });
      clock.pass({ days: 1 });
    }
    const before = await keysOf(store, { prefix: 'a/' });
    assert.equal(before.length, 3);
    const summary = await backUp(store, scratch.at('tree'), { retention: 1, now: clock.now });
    assert.deepEqual([summary.counts['unchanged'], summary.counts['retired']], [1, 2]);
    assert.deepEqual(await keysOf(store, { prefix: 'a/' }), before.slice(-1));
  });

  it('python tool #30: refuses to keep no backup at all', async () => {
    await using scratch = await createScratch();
    await plantTree(scratch.at('tree'), ['a.wsp']);
    await assert.rejects(backUp(createMemoryStore(), scratch.at('tree'), { retention: 0 }), (error) => {
      assert.ok(error instanceof InvalidOptionError);
      assert.equal(error.message, "Cannot keep backups: 'retention' must be 1 or more: got 0");
      return true;
    });
  });

  it('python tool #8 and #31: does not store a broken file, and the good backups stay however often it runs', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    const bytes = whisperFile({ now: clock.seconds });
    const file = await plant(scratch.at('tree'), 'a.wsp', bytes);
    await plantTree(scratch.at('tree'), ['b.wsp']);
    await backUp(store, scratch.at('tree'), { retention: 2, now: clock.now });
    for (const cut of [bytes.length - 1, 20]) {
      clock.pass({ days: 1 });
      await writeFile(file, bytes.subarray(0, cut));
      const summary = await backUp(store, scratch.at('tree'), { retention: 2, now: clock.now });
      assert.deepEqual(codesOf(summary.failed), { a: 'WHISPER_DAMAGED' });
      assert.equal(exitCodeOfSummary(summary), 3);
    }
    await restoreTree(store, scratch.at('restored'));
    assert.deepEqual((await readTree(scratch.at('restored'))).get('a.wsp'), bytes);
  });

  it('python tool #31: keeps the full backup of a file that was lost and made anew almost empty', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    const full = whisperFile({ now: clock.seconds });
    await plant(scratch.at('tree'), 'a.wsp', full);
    await backUp(store, scratch.at('tree'), { retention: 2, now: clock.now });
    for (let runs = 1; runs < 4; runs++) {
      clock.pass({ days: 1 });
      const points = Array.from({ length: runs }, (_, i) => ({ timestamp: clock.seconds - i * 60, value: 1 }));
      await plant(scratch.at('tree'), 'a.wsp', whisperFile({ now: clock.seconds, points }));
      const summary = await backUp(store, scratch.at('tree'), { retention: 2, now: clock.now });
      assert.equal(summary.counts['shrunk'], 1);
    }
    await restoreTree(store, scratch.at('restored'), { date: new Date('2026-01-01T12:00:00Z') });
    assert.deepEqual((await readTree(scratch.at('restored'))).get('a.wsp'), full);
  });

  it('python tool #32: does not compress at level 9 unless told to', async () => {
    for (const engine of ['auto', 'zlib', 'fflate'] as const) {
      const { level } = await createCompressor({ algorithm: 'gz', gzipEngine: engine });
      assert.ok(level < 9, `${engine} at ${level}`);
    }
    assert.equal((await createCompressor({ algorithm: 'gz', gzipEngine: 'zlib', level: 9 })).level, 9);
  });
});

/** A store that rejects objects whose key has an error. */
function failingPuts(store: ObjectStore, errorOf: (key: string) => Error | false): ObjectStore {
  return delegate(store, {
    async put(key, body, options) {
      const error = errorOf(key);
      if (error) throw error;
      await store.put(key, body, options);
    },
  });
}
