import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { metricOf } from '../../lib/bucket/metric-name.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { lockByPython } from '../fixtures/locker.ts';
import {
  allowAll,
  isUntouched,
  type OddTree,
  plantForbidden,
  plantOddTree,
  TOO_LONG_NAME,
} from '../fixtures/odd-tree.ts';
import { backUp, codesOf, listAll, restoreTree, threadsOn } from '../fixtures/operations.ts';
import { runProgram, unprivileged } from '../fixtures/runtime.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { createMemoryStore } from '../store/memory-store.ts';

/** Characters that could control a terminal or start a new log line. */
const CONTROL = /[^\P{C}\n]|[\u2028\u2029]/u;

describe('a tree with every kind of unusual name and file', () => {
  it('is restored from a disk bit for bit, except for files that are reported with the reason', async () => {
    await using scratch = await createScratch();
    const tree = await plantOddTree(scratch);
    await using _ = await lockByPython(tree.locked, 'LOCK_EX');
    const store = createDiskStore({ path: scratch.at('bucket') });

    const backedUp = await backUp(store, tree.prefix, threadsOn(store));
    assert.deepEqual(codesOf(backedUp.failed), tree.failed);
    assert.deepEqual(codesOf(backedUp.skipped), tree.skipped);
    assert.equal(backedUp.stopped, undefined);
    assert.equal(backedUp.counts['stored'], tree.good.size);
    // Two names that are not UTF-8 are equal after decoding, and both are reported.
    assert.equal(backedUp.counts['failed'], Object.keys(tree.failed).length + 1);
    assert.equal(await isUntouched(tree), true);

    const restored = await restoreTree(store, scratch.at('empty'), threadsOn(store));
    assert.deepEqual(restored.failed, []);
    assert.equal(restored.counts['restored'], tree.good.size);
    assert.deepEqual(contents(await readTree(scratch.at('empty'))), contents(tree.good));
    await store.close();
  });

  it('is unchanged in the next run, and loses nothing to retention and purge', async () => {
    await using scratch = await createScratch();
    const tree = await plantOddTree(scratch);
    await using _ = await lockByPython(tree.locked, 'LOCK_EX');
    const store = createMemoryStore();
    await backUp(store, tree.prefix);
    const again = await backUp(store, tree.prefix, { retention: 1, purge: 0 });
    // Other stores than the disk accept the long name.
    const good = tree.good.size + 1;
    assert.deepEqual(pick(again.counts, ['stored', 'unchanged', 'retired', 'purged', 'deleted', 'tombstones']), {
      stored: 0,
      unchanged: good,
      retired: 0,
      purged: 0,
      deleted: 0,
      tombstones: 0,
    });
    const listed = (await listAll(store)).map(({ metric }) => metric);
    assert.deepEqual(listed.toSorted(), metricsOf(tree, [TOO_LONG_NAME]));
  });

  it('works in the program, which exits with 3, reports each file, and prints no control character', async () => {
    await using scratch = await createScratch();
    const tree = await plantOddTree(scratch);
    const forbidden = await plantForbidden(tree.prefix);
    const writable = await scratch.directory('writable');
    await chmod(writable, 0o777);
    await using _ = await lockByPython(tree.locked, 'LOCK_EX');
    const options = { wrap: unprivileged };
    const storage = ['-b', 'odd', 'disk', writable];
    const restoredTo = `${writable}/restored`;
    try {
      const backedUp = await runProgram(
        [
          '--json',
          '-p',
          tree.prefix,
          '--file-lock-timeout',
          '0.2',
          '--logfile',
          `${writable}/log`,
          'backup',
          ...storage,
        ],
        options,
      );
      assert.equal(backedUp.code, 3, backedUp.stderr);
      const summary = JSON.parse(backedUp.stdout);
      assert.deepEqual(codesOf(summary.failed), { ...tree.failed, ...forbidden });
      assert.deepEqual(codesOf(summary.skipped), tree.skipped);
      assert.equal(summary.stopped, undefined);

      const restored = await runProgram(['-p', restoredTo, 'restore', ...storage], options);
      assert.equal(restored.code, 0, restored.stderr);
      assert.deepEqual(contents(await readTree(restoredTo)), contents(tree.good));

      const listed = await runProgram(['list', ...storage], options);
      assert.equal(listed.code, 0, listed.stderr);
      assert.equal(listed.stdout.trimEnd().split('\n').length, tree.good.size);
      const records = await runProgram(['--json', 'list', ...storage], options);
      const names = records.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).metric);
      assert.deepEqual(names.toSorted(), metricsOf(tree));

      const log = new TextDecoder().decode((await readTree(writable)).get('log'));
      const shown = { backedUp, restored, listed, records, log: { stdout: log, stderr: '' } };
      for (const [what, { stdout, stderr }] of Object.entries(shown)) {
        assert.doesNotMatch(stdout, CONTROL, what);
        assert.doesNotMatch(stderr, CONTROL, what);
      }
      assert.match(backedUp.stderr, /forbidden directory/);
    } finally {
      allowAll(tree.prefix);
    }
  });
});

function metricsOf({ good }: OddTree, more: readonly string[] = []): string[] {
  return [...good.keys(), ...more].map((name) => metricOf(name.replace(/\.wsp$/, ''))).toSorted();
}

function pick(counts: Readonly<Record<string, number>>, names: readonly string[]): Record<string, number | undefined> {
  return Object.fromEntries(names.map((name) => [name, counts[name]]));
}
