import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { PermanentError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { delegate } from '../fixtures/delegate.ts';
import { backUp, Clock, codesOf, listAll, purgeGone, restoreTree } from '../fixtures/operations.ts';
import { putPair, restoreLikePython, sha1Of } from '../fixtures/python-bucket.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, plant, plantTree, readTree, whisperFile } from '../fixtures/tree.ts';
import { bytes, keysOf, text } from '../store/collect.ts';
import { type CountingStore, withCounting } from '../store/counting.ts';
import { createMemoryStore } from '../store/memory-store.ts';

const NAMES = ['servers/web01/cpu.wsp', 'servers/web01/load.wsp', '100%/odd.wsp', '%2E/odd.wsp', 'caf\u00e9.wsp'];

/** What the Python tool calls it. */
function pythonName(file: string): string {
  return file.replace(/\.wsp$/, '').replaceAll('/', '.');
}

describe('a bucket that the Python tool has written', () => {
  it('is listed, restored and shown beside our own backups, with gzip and Snappy', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-05T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    // Larger than one chunk of the framing format.
    const archives = [{ secondsPerPoint: 60, points: 12_000 }];
    const files = await plantTree(scratch.at('tree'), NAMES, { archives, now: clock.seconds });
    for (const [index, [name, file]] of [...files].entries()) {
      const algorithm = index % 2 === 0 ? 'sz' : 'gz';
      const root = index === 1 ? '/' : '';
      await putPair(store, pythonName(name), '2026-01-01T00:00:00+00:00', file, { algorithm, root });
    }
    assert.deepEqual(
      new Set((await listAll(store)).map(({ kind, algorithm }) => `${kind} ${algorithm}`)),
      new Set(['pair gz', 'pair sz']),
    );
    await restoreTree(store, scratch.at('pairs'));
    assert.deepEqual(contents(await readTree(scratch.at('pairs'))), contents(files));

    const changed = await plantTree(scratch.at('tree'), NAMES.slice(0, 2), { archives, now: clock.seconds + 600 });
    const summary = await backUp(store, scratch.at('tree'), { now: clock.now });
    assert.deepEqual([summary.counts['stored'], summary.counts['unchanged']], [2, 3]);
    await restoreTree(store, scratch.at('both'));
    assert.deepEqual(contents(await readTree(scratch.at('both'))), contents(new Map([...files, ...changed])));
  });

  it('is compared without reading anything, if listings have the MD5 of the checksum', async () => {
    await using scratch = await createScratch();
    const store = withCounting(createMemoryStore());
    const files = await plantTree(scratch.at('tree'), NAMES);
    for (const [name, file] of files) await putPair(store, pythonName(name), '2026-01-01T00:00:00+00:00', file);
    await claimed(store, scratch.at('tree'));
    const before = { ...store.calls };
    const summary = await backUp(store, scratch.at('tree'));
    assert.deepEqual([summary.counts['stored'], summary.counts['unchanged']], [0, NAMES.length]);
    // Whose bucket it is.
    assert.equal(store.calls.get - before.get, 1);
    assert.equal(store.calls.put - before.put, 0);
  });

  it('is compared by reading the checksum, if the MD5 is missing or invalid', async () => {
    await using scratch = await createScratch();
    const files = await plantTree(scratch.at('tree'), NAMES);
    const misleading = createMemoryStore();
    const encrypted = delegate(misleading, {
      async *list(range) {
        // Like S3 with SSE-KMS: it looks like an MD5.
        for await (const object of misleading.list(range)) yield { ...object, md5: '0'.repeat(32) };
      },
    });
    for (const plain of [createMemoryStore({ md5: false }), encrypted]) {
      const store = withCounting(plain);
      for (const [name, file] of files) await putPair(store, pythonName(name), '2026-01-01T00:00:00+00:00', file);
      await claimed(store, scratch.at('tree'));
      const before = { ...store.calls };
      const summary = await backUp(store, scratch.at('tree'));
      assert.deepEqual([summary.counts['stored'], summary.counts['unchanged']], [0, NAMES.length]);
      assert.equal(store.calls.get - before.get, 1 + NAMES.length);
      assert.equal(store.calls.put - before.put, 0);
    }
  });

  it('is not compared with a checksum without data or with empty data', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    const files = await plantTree(scratch.at('tree'), ['lone.wsp', 'empty.wsp', 'illegible.wsp']);
    for (const [name, file] of files) {
      const keys = await putPair(store, pythonName(name), '2026-01-01T00:00:00+00:00', file);
      if (name === 'lone.wsp') await store.delete([keys.data]);
      if (name === 'empty.wsp') await store.put(keys.data, new Uint8Array());
      if (name === 'illegible.wsp') await store.put(keys.sha1, bytes('?'));
    }
    const summary = await backUp(store, scratch.at('tree'));
    assert.equal(summary.counts['stored'], 3);
    assert.deepEqual(codesOf(summary.notes), { lone: 'LONE_SHA1', empty: 'LONE_SHA1' });
    await restoreTree(store, scratch.at('restored'));
    assert.deepEqual(contents(await readTree(scratch.at('restored'))), contents(files));
  });

  it('loses its oldest pairs to retention, and all pairs of a metric that has been missing for long', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-05T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    await plantTree(scratch.at('tree'), NAMES);
    for (const name of [...NAMES, 'gone.wsp']) {
      for (const [day, root] of [
        ['01', '/'],
        ['02', ''],
        ['03', '/'],
        ['04', ''],
      ] as const) {
        const file = whisperFile({ seed: 100 + Number(day) });
        await putPair(store, pythonName(name), `2026-01-${day}T00:00:00+00:00`, file, { root });
      }
    }
    await backUp(store, scratch.at('tree'), { retention: 3, purge: 45, now: clock.now });
    const dates = async () => {
      const found: Record<string, string[]> = {};
      for (const { metric, date } of await listAll(store))
        found[metric] = [...(found[metric] ?? []), date.slice(8, 10)];
      return found;
    };
    for (const [metric, days] of Object.entries(await dates())) {
      assert.deepEqual(days, metric === 'gone' ? ['02', '03', '04'] : ['03', '04', '05'], metric);
    }
    clock.pass({ days: 46 });
    await purgeGone(store, scratch.at('tree'), { purge: 45, now: clock.now });
    const left = await dates();
    assert.equal(left['gone'], undefined);
    assert.equal(Object.keys(left).length, NAMES.length);
    const keys = await keysOf(store);
    assert.equal(keys.filter((key) => /(^|\/)gone\//.test(key)).length, 0);
    const pairs = keys.filter((key) => /\+00:00\.(sha1|wsp\.gz)$/.test(key));
    assert.equal(pairs.length, NAMES.length * 2 * 2);
  });

  it('python tool #14: loses the checksums of pairs in an earlier batch than their data', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-05T00:00:00Z');
    const plain = createMemoryStore({ now: clock.now });
    await plantTree(scratch.at('tree'), ['a.wsp', 'b.wsp']);
    for (const metric of ['a', 'b', 'gone']) {
      for (const day of ['01', '02', '03']) {
        await putPair(plain, metric, `2026-01-${day}T00:00:00+00:00`, whisperFile({ seed: Number(day) }));
      }
    }
    const batches: string[][] = [];
    const store = recordingDeletes(plain, batches);
    await backUp(store, scratch.at('tree'), { retention: 2, purge: 0, now: clock.now });
    assert.deepEqual(
      batches.map((keys) => new Set(keys.map((key) => key.split('.').at(-1)))),
      [new Set(['sha1']), new Set(['gz'])],
    );
    assert.deepEqual(
      batches.map((keys) => keys.length),
      [2 + 2 + 3, 2 + 2 + 3],
    );
  });

  it('python tool #14: keeps the data of a pair whose checksum cannot be deleted, and both are restorable', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-05T00:00:00Z');
    const plain = createMemoryStore({ now: clock.now });
    await plantTree(scratch.at('tree'), ['a.wsp']);
    for (const day of ['01', '02']) {
      await putPair(plain, 'a', `2026-01-${day}T00:00:00+00:00`, whisperFile({ seed: Number(day) }));
    }
    const before = await keysOf(plain);
    const store = delegate(plain, {
      async delete(keys, options) {
        const locked = keys.filter((key) => key.endsWith('.sha1'));
        const failures = locked.map((key) => ({ key, error: new PermanentError('Cannot delete: locked') }));
        return [
          ...failures,
          ...(await plain.delete(
            keys.filter((key) => !locked.includes(key)),
            options,
          )),
        ];
      },
    });
    const summary = await backUp(store, scratch.at('tree'), { retention: 1, now: clock.now });
    assert.deepEqual(codesOf(summary.failed), { a: 'DELETE_FAILED' });
    const after = await keysOf(plain);
    assert.deepEqual(
      before.filter((key) => !after.includes(key)),
      [],
    );
    await restoreTree(plain, scratch.at('restored'), { date: new Date('2026-01-01T12:00:00Z') });
    assert.deepEqual((await readTree(scratch.at('restored'))).get('a.wsp'), whisperFile({ seed: 1 }));
  });
});

describe('the layout of the Python tool, written by whisper-backup', () => {
  it('is restored by that tool, also metrics that have not changed', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-05T00:00:00Z');
    const store = createMemoryStore({ now: clock.now });
    const files = await plantTree(scratch.at('tree'), NAMES, { now: clock.seconds });
    await backUp(store, scratch.at('tree'), { now: clock.now });
    assert.equal((await restoreLikePython(store)).size, 0);
    clock.pass({ days: 1 });
    await backUp(store, scratch.at('tree'), { layout: 'python', now: clock.now });
    assert.deepEqual(contents(await restoreLikePython(store)), contents(files));

    const again = await backUp(store, scratch.at('tree'), { layout: 'python', now: clock.now });
    assert.deepEqual([again.counts['stored'], again.counts['unchanged']], [0, NAMES.length]);

    clock.pass({ days: 1 });
    const changed = await plantTree(scratch.at('tree'), NAMES.slice(0, 2), { now: clock.seconds });
    const third = await backUp(store, scratch.at('tree'), { layout: 'python', now: clock.now });
    assert.equal(third.counts['stored'], 2);
    assert.deepEqual(contents(await restoreLikePython(store)), contents(new Map([...files, ...changed])));
  });

  it('has exactly 40 hex digits in its checksums, and one timestamp for both objects', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    const file = whisperFile();
    await plant(scratch.at('tree'), 'a/b.wsp', file);
    await backUp(store, scratch.at('tree'), { layout: 'python', now: () => new Date('2026-01-05T06:07:08.9Z') });
    assert.deepEqual(await keysOf(store, { prefix: 'a' }), [
      'a.b/2026-01-05T06:07:08+00:00.sha1',
      'a.b/2026-01-05T06:07:08+00:00.wsp.gz',
    ]);
    const sha1 = await store.get('a.b/2026-01-05T06:07:08+00:00.sha1', { maxBytes: 100 });
    assert.equal(text(sha1), sha1Of(file));
  });

  it('rejects names that the Python tool would restore to another path', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    const good = await plantTree(scratch.at('tree'), ['a/b/c.wsp']);
    await plantTree(scratch.at('tree'), ['a.b/c.wsp', 'a/b.c.wsp', '.hidden.wsp', 'trailing..wsp']);
    const summary = await backUp(store, scratch.at('tree'), { layout: 'python' });
    assert.deepEqual(codesOf(summary.failed), {
      'a%2Eb.c': 'AMBIGUOUS_NAME',
      'a.b%2Ec': 'AMBIGUOUS_NAME',
      '%2Ehidden': 'AMBIGUOUS_NAME',
      'trailing%2E': 'AMBIGUOUS_NAME',
    });
    assert.deepEqual(contents(await restoreLikePython(store)), contents(good));
  });

  it('leaves no checksum without data if the second upload fails', async () => {
    await using scratch = await createScratch();
    const plain = createMemoryStore();
    const puts: string[] = [];
    const store = delegate(plain, {
      async put(key, body, options) {
        if (!key.startsWith('.')) puts.push(key.replace(/^.*\./, ''));
        if (key.endsWith('.sha1')) throw new PermanentError('Cannot store: no space left');
        await plain.put(key, body, options);
      },
    });
    const file = whisperFile();
    const path = await plant(scratch.at('tree'), 'a.wsp', file);
    const summary = await backUp(store, scratch.at('tree'), { layout: 'python' });
    assert.deepEqual(codesOf(summary.failed), { a: 'PERMANENT' });
    assert.deepEqual(puts, ['gz', 'sha1']);
    assert.deepEqual(await listAll(plain), []);
    // The next run does not count it as stored.
    await writeFile(path, file);
    const again = await backUp(plain, scratch.at('tree'), { layout: 'python' });
    assert.equal(again.counts['stored'], 1);
    await rm(path);
    await restoreTree(plain, scratch.at('tree'));
    assert.deepEqual((await readTree(scratch.at('tree'))).get('a.wsp'), file);
  });
});

/** Marks the bucket as this machine's, so that later runs start in the same state. */
async function claimed(store: CountingStore, prefix: string): Promise<void> {
  await purgeGone(store, prefix);
}

function recordingDeletes(store: ObjectStore, batches: string[][]): ObjectStore {
  return delegate(store, {
    delete(keys, options) {
      batches.push([...keys]);
      return store.delete(keys, options);
    },
  });
}
