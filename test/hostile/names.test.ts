import assert from 'node:assert/strict';
import { lchown, mkdir, symlink } from 'node:fs/promises';
import { describe } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { exitCodeOfSummary, exitCodes } from '../../scripts/cli/run/exit-code.ts';
import { Bucket, daysAgo, NOW } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { backUp, codesOf, listAll, purgeGone, restoreTree, verifyAll } from '../fixtures/operations.ts';
import { casesOf } from '../fixtures/reliability.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { stateOf } from '../fixtures/tree-state.ts';

const it = casesOf('hostile');

const file = metricFile();
const now = () => NOW;
const LONG = 'x'.repeat(10_000);

/** Names in keys that must not result in a path. */
const foreign = ['..', '../evil', '..evil', '%2E%2E.evil', '%2E.evil', '/evil', 'a..b', 'a\0b', 'a.\0', '%00.b/c', ''];
/** Names that are odd, and stay below the prefix. */
const odd = ['back\\slash', '..\\evil'.replaceAll('.', '%2E'), '~', '$(id)', '-rf', 'a b\nc', '%2E%2E', '\u202e～😀'];

/** A bucket whose server also lists these names, each with a backup that it returns. */
async function hostileBucket(names: readonly string[]): Promise<{ store: ObjectStore; asked: string[] }> {
  const bucket = new Bucket();
  const [, tail = ''] = (await bucket.backup('fine', daysAgo(9), file)).split('/');
  const body = gzipSync(file);
  const modified = daysAgo(9);
  const keys = names.map((name) => `${name}/${tail}`).toSorted();
  const asked: string[] = [];
  const store = delegate(bucket.store, {
    async *list(range = {}) {
      const own = [];
      for await (const object of bucket.store.list(range)) own.push(object);
      const more = keys.filter((key) => key.startsWith(range.prefix ?? ''));
      const all = [...own, ...more.map((key) => ({ key, size: body.length, modified }))];
      yield* all.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
    },
    get: async (key, options) => (keys.includes(key) ? body : bucket.store.get(key, options)),
    delete: async (keys, options) => {
      asked.push(...keys);
      return bucket.store.delete(keys, options);
    },
  });
  return { store, asked };
}

/** A tree, and files outside of it that names could lead to. */
async function plantAround(scratch: Scratch): Promise<string> {
  await plantMetric(scratch.path, 'evil');
  await plantMetric(scratch.at('outside'), 'b', metricFile(7));
  return scratch.directory('tree');
}

/** What is around the prefix. */
async function around(scratch: Scratch): Promise<string[]> {
  const state = await stateOf(scratch.path);
  // Of the directory that the prefix is in only the time is not ours to keep.
  return state.filter((line) => line.startsWith('/') && !line.startsWith('/tree') && !line.startsWith('/bucket'));
}

describe('keys with malicious names', () => {
  it('are foreign keys for every command, neither followed nor deleted', async () => {
    await using scratch = await createScratch();
    const prefix = await plantAround(scratch);
    const before = await around(scratch);
    const { store, asked } = await hostileBucket(foreign);
    assert.deepEqual(
      (await listAll(store)).map(({ metric }) => metric),
      ['fine'],
    );
    const restored = await restoreTree(store, prefix, { now, overwrite: true });
    assert.deepEqual([restored.counts['restored'], restored.counts['failed']], [1, 0]);
    assert.equal(restored.counts['foreignKeys'], foreign.length);
    const verified = await verifyAll(store, { readData: true, now });
    assert.deepEqual([verified.counts['backups'], verified.counts['foreignKeys']], [1, foreign.length]);
    await backUp(store, prefix, { now, retention: 1, purge: 0 });
    await purgeGone(store, prefix, { now, purge: 0 });
    for (const name of foreign) assert.ok(!asked.some((key) => key.startsWith(`${name}/`)), name);
    assert.deepEqual(await around(scratch), before);
    const tree = (await stateOf(prefix)).map((line) => line.split(' ')[0]);
    assert.deepEqual(tree, ['', '/fine.wsp']);
  });

  it('that are merely unusual are restored below the prefix, and those too long count as failed', async () => {
    await using scratch = await createScratch();
    const prefix = await plantAround(scratch);
    const before = await around(scratch);
    const long = [LONG, `${'y.'.repeat(5000)}z`];
    const { store } = await hostileBucket([...odd, ...long]);
    const restored = await restoreTree(store, prefix, { now });
    const shortened = restored.failed.map(({ metric, code }) => [metric.slice(0, 9), code]);
    assert.deepEqual(shortened.toSorted(), [
      ['xxxxxxxxx', 'ENAMETOOLONG'],
      ['y.y.y.y.y', 'ENAMETOOLONG'],
    ]);
    assert.equal(restored.counts['restored'], odd.length + 1);
    assert.equal(exitCodeOfSummary(restored), exitCodes.someFailed);
    assert.deepEqual(await around(scratch), before);
  });
});

describe('links of another user to directories and files of root', () => {
  it('are never written through by a command of root, whatever it may replace', async () => {
    await using scratch = await createScratch();
    const prefix = await plantAround(scratch);
    const bucket = new Bucket();
    for (const path of ['a/b', 'a/new', 'a/deep/new', 'up/evil', 'root/tmp/evil', 'gone/b', 'round/b', 'real/b'])
      await bucket.backup(path, daysAgo(9), file);
    await mkdir(`${prefix}/real`);
    const links = { a: scratch.at('outside'), up: '..', root: '/', gone: scratch.at('nowhere'), round: 'round' };
    for (const [name, target] of Object.entries({ ...links, 'real/b.wsp': scratch.at('outside', 'b.wsp') })) {
      await symlink(target, `${prefix}/${name}`);
      await lchown(`${prefix}/${name}`, 1234, 1234);
    }
    const before = await around(scratch);
    for (const options of [{}, { overwrite: true }, { replaceDamaged: true }, { dryRun: true }]) {
      const { failed, counts } = await restoreTree(bucket.store, prefix, { now, ...options });
      assert.deepEqual(codesOf(failed), {
        'a.b': 'UNTRUSTED_LINK',
        'a.deep.new': 'UNTRUSTED_LINK',
        'a.new': 'UNTRUSTED_LINK',
        'gone.b': 'DANGLING_LINK',
        'real.b': 'UNTRUSTED_LINK',
        'root.tmp.evil': 'UNTRUSTED_LINK',
        'round.b': 'LINK_LOOP',
        'up.evil': 'UNTRUSTED_LINK',
      });
      assert.equal(counts['failed'], failed.length);
    }
    assert.deepEqual(await around(scratch), before);
  });
});

describe('directories of a bucket on a disk that are links to outside', () => {
  it('are never followed by listing, reads, writes or purges', async () => {
    await using scratch = await createScratch();
    const prefix = await plantAround(scratch);
    const bucket = await scratch.directory('bucket');
    const store = createDiskStore({ path: bucket });
    await plantMetric(prefix, 'fine', file);
    await plantMetric(prefix, 'linked', file);
    // Another bucket, whose backups look like ours.
    await scratch.directory('outside', 'other');
    const other = createDiskStore({ path: scratch.at('outside', 'other') });
    await backUp(other, prefix, { now: () => daysAgo(30) });
    await symlink(scratch.at('outside', 'other', 'linked'), `${bucket}/linked`);
    await symlink(scratch.at('outside', 'other', 'fine'), `${bucket}/fine2`);
    const before = await around(scratch);
    const backedUp = await backUp(store, prefix, { now, retention: 1, purge: 0 });
    assert.deepEqual([backedUp.counts['stored'], codesOf(backedUp.failed)], [1, { linked: 'PERMANENT' }]);
    assert.deepEqual(
      (await listAll(store)).map(({ metric }) => metric),
      ['fine'],
    );
    await purgeGone(store, scratch.at('tree'), { now, purge: 0 });
    const verified = await verifyAll(store, { readData: true, now });
    assert.equal(verified.counts['backups'], 1);
    const restored = await restoreTree(store, scratch.at('tree', 'again'), { now });
    assert.equal(restored.counts['restored'], 1);
    assert.deepEqual(await around(scratch), before);
    for (const one of [store, other]) await one.close();
  });
});
