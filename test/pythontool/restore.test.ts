import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { chown, lchown, mkdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { backupKey } from '../../lib/bucket/layout.ts';
import { parseDate } from '../../lib/common/date.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { exitCodeOfSummary } from '../../scripts/cli/run/exit-code.ts';
import { delegate } from '../fixtures/delegate.ts';
import { lockByPython } from '../fixtures/locker.ts';
import { Clock, codesOf, restoreTree } from '../fixtures/operations.ts';
import { putPair, sha1Of } from '../fixtures/python-bucket.ts';
import { isRoot } from '../fixtures/runtime.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, minutes, plant, readTree, whisperFile } from '../fixtures/tree.ts';
import { createMemoryStore } from '../store/memory-store.ts';
import { fetchPoints } from '../whisper/fetch.ts';

const TIMESTAMP = '2026-01-01T00:00:00+00:00';

describe('restore', () => {
  it('python tool #7: fills what is missing, single points too, and keeps zeros and what stands behind a gap', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T12:00:30Z');
    const { seconds } = clock;
    const isGap = (i: number) => i === 3 || (i >= 12 && i <= 14);
    const pick = (i: number) => (i >= 5 && i <= 9 ? 0 : 100 + i);
    const local = minutes(seconds, 20, (i) => (isGap(i) ? undefined : pick(i)));
    const file = await plant(scratch.at('tree'), 'a.wsp', whisperFile({ now: seconds, points: local }));
    const store = createMemoryStore();
    await put(store, 'a', whisperFile({ now: seconds, points: minutes(seconds, 20, () => 7) }));

    const summary = await restoreTree(store, scratch.at('tree'), { now: clock.now });
    assert.deepEqual([summary.counts['backfilled'], summary.counts['failed']], [1, 0]);
    const read = { now: seconds, from: seconds - 20 * 60, until: seconds };
    const found = fetchPoints(await readFile(file), read)?.values.toReversed();
    const expected = Array.from({ length: 20 }, (_, i) => (isGap(i) ? 7 : pick(i)));
    assert.deepEqual(found, expected);
  });

  it('python tool #8: leaves a good local file alone when the backup is damaged, --overwrite or not', async () => {
    await using scratch = await createScratch();
    const good = whisperFile({ seed: 1 });
    const store = createMemoryStore();
    const whole = gzipSync(whisperFile({ seed: 2 }));
    const garbage = new TextEncoder().encode('garbage '.repeat(50));
    const cut = whisperFile({ seed: 3 }).subarray(0, -12);
    const damaged: Record<string, Uint8Array> = {
      'cut gzip': whole.subarray(0, -20),
      'no gzip': garbage,
      'garbage inside': gzipSync(garbage),
      'cut file inside': gzipSync(cut),
      'nothing inside': gzipSync(new Uint8Array()),
      'trailing bytes': Buffer.concat([whole, Buffer.from('x')]),
    };
    const sha1s: Record<string, string> = {
      'garbage inside': sha1Of(garbage),
      'cut file inside': sha1Of(cut),
      'nothing inside': sha1Of(new Uint8Array()),
    };
    for (const [metric, body] of Object.entries(damaged)) {
      const sha1 = sha1s[metric] ?? sha1Of(whisperFile({ seed: 2 }));
      await store.put(backupKey('', metric, TIMESTAMP, sha1, 'gz'), body);
      await plant(scratch.at('tree'), `${metric}.wsp`, good);
    }
    for (const overwrite of [false, true]) {
      const summary = await restoreTree(store, scratch.at('tree'), { overwrite });
      assert.deepEqual(Object.keys(codesOf(summary.failed)).toSorted(), Object.keys(damaged).toSorted());
      assert.equal(exitCodeOfSummary(summary), 3);
    }
    const expected = new Map(Object.keys(damaged).map((metric) => [`${metric}.wsp`, good]));
    assert.deepEqual(contents(await readTree(scratch.at('tree'))), contents(expected));
  });

  it('python tool #9: writes nothing outside the prefix, whatever the bucket holds', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    const hostile = ['.', '..', '.a', '..a', '%2E%2E.a', 'a.%2E%2E.b', 'a..b', '%2E.a', 'a.', '%2e%2e.a'];
    const file = whisperFile();
    for (const name of hostile) {
      await putPair(store, name, TIMESTAMP, file);
      await putPair(store, name, TIMESTAMP, file, { root: '/' });
      await store.put(`${name}/${TIMESTAMP}.${sha1Of(file)}.wsp.gz`, gzipSync(file));
    }
    await store.put(`../../evil/${TIMESTAMP}.wsp.gz`, gzipSync(file));
    await store.put(`../../evil/${TIMESTAMP}.sha1`, new TextEncoder().encode(sha1Of(file)));
    await put(store, 'good', file);
    // A link that the owner of the tree has put there leads no restore of root out of it, either.
    await scratch.directory('outside');
    await scratch.directory('top', 'tree');
    await symlink(scratch.at('outside'), scratch.at('top', 'tree', 'linked'));
    await lchown(scratch.at('top', 'tree', 'linked'), 1234, 1234);
    await put(store, 'linked/evil', file);

    const summary = await restoreTree(store, scratch.at('top', 'tree'));
    assert.deepEqual(codesOf(summary.failed), { 'linked.evil': 'UNTRUSTED_LINK' });
    // Names that Python's and our own writing make of an odd, harmless path.
    assert.deepEqual([...(await readTree(scratch.path)).keys()].toSorted(), [
      'top/tree/%2E%2E/a.wsp',
      'top/tree/%2E/a.wsp',
      'top/tree/%2e%2e/a.wsp',
      'top/tree/a/%2E%2E/b.wsp',
      'top/tree/good.wsp',
    ]);
  });

  it('python tool #13: fills under the lock that carbon takes, and leaves a file alone that it does not get', async () => {
    await using scratch = await createScratch();
    const clock = new Clock('2026-01-01T12:00:30Z');
    const store = createMemoryStore();
    const { seconds } = clock;
    await put(store, 'a', whisperFile({ now: seconds }));
    const empty = whisperFile({ now: seconds, points: [] });
    const file = await plant(scratch.at('tree'), 'a.wsp', empty);
    for (const kind of ['LOCK_EX', 'LOCK_SH'] as const) {
      await using _ = await lockByPython(file, kind);
      const summary = await restoreTree(store, scratch.at('tree'), { now: clock.now });
      assert.deepEqual(codesOf(summary.failed), { a: 'LOCK_TIMEOUT' });
      assert.deepEqual(new Uint8Array(await readFile(file)), empty);
    }
    const summary = await restoreTree(store, scratch.at('tree'), { now: clock.now });
    assert.equal(summary.counts['backfilled'], 1);
  });

  it('python tool #13: overwrites by a whole new file, with the mode and owner that carbon can write', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    const [old, stored] = [whisperFile({ seed: 1 }), whisperFile({ seed: 2 })];
    await put(store, 'carbon/a', stored);
    await put(store, 'carbon/new/b', stored);
    const file = await plant(scratch.at('tree'), 'carbon/a.wsp', old);
    const owner = isRoot ? 12345 : (process.getuid?.() ?? 0);
    await chown(scratch.at('tree', 'carbon'), owner, isRoot ? owner : -1);
    const fd = openSync(file, 'r');

    await restoreTree(store, scratch.at('tree'), { overwrite: true });
    assert.deepEqual(new Uint8Array(readFileSync(fd)), old, 'who had it open still reads the old file whole');
    assert.equal(fstatSync(fd).nlink, 0);
    closeSync(fd);
    for (const name of ['carbon/a.wsp', 'carbon/new/b.wsp']) {
      assert.deepEqual(new Uint8Array(await readFile(scratch.at('tree', name))), stored);
      const { mode, uid } = await stat(scratch.at('tree', name));
      assert.deepEqual([mode & 0o7777, uid], [0o644, owner], name);
    }
    const { mode, uid } = await stat(scratch.at('tree', 'carbon', 'new'));
    assert.deepEqual([mode & 0o7777, uid], [0o755, owner]);
  });

  it('python tool #13: as root does not write through a symbolic link of another user to a file of root', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    await put(store, 'a', whisperFile({ seed: 2 }));
    const outside = await plant(scratch.at('outside'), 'precious.wsp', whisperFile({ seed: 1 }));
    await scratch.directory('tree');
    await symlink(outside, scratch.at('tree', 'a.wsp'));
    await lchown(scratch.at('tree', 'a.wsp'), 1234, 1234);
    for (const overwrite of [false, true]) {
      const summary = await restoreTree(store, scratch.at('tree'), { overwrite });
      assert.deepEqual(codesOf(summary.failed), { a: 'UNTRUSTED_LINK' });
      assert.deepEqual(new Uint8Array(await readFile(outside)), whisperFile({ seed: 1 }));
    }
  });

  it('python tool #14: passes over a checksum without data, and says so, and over empty data', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    const file = whisperFile();
    await putPair(store, 'a', '2026-01-01T00:00:00+00:00', file);
    const lone = await putPair(store, 'a', '2026-01-02T00:00:00+00:00', whisperFile({ seed: 2 }));
    await store.delete([lone.data]);
    const empty = await putPair(store, 'a', '2026-01-03T00:00:00+00:00', whisperFile({ seed: 3 }));
    await store.put(empty.data, new Uint8Array());
    const summary = await restoreTree(store, scratch.at('tree'));
    assert.equal(exitCodeOfSummary(summary), 0);
    assert.deepEqual(
      summary.notes.map(({ metric, code, reason }) => [metric, code, reason]),
      [lone, empty].map(({ sha1 }) => ['a', 'LONE_SHA1', `${sha1} is a checksum without data: damage`]),
    );
    assert.deepEqual((await readTree(scratch.at('tree'))).get('a.wsp'), file);
  });

  it('python tool #14: takes an older backup where the newest is damaged, if asked to', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    const file = whisperFile();
    await putPair(store, 'a', '2026-01-01T00:00:00+00:00', file);
    const cut = await putPair(store, 'a', '2026-01-02T00:00:00+00:00', file);
    await store.put(cut.data, gzipSync(file).subarray(0, 50));
    const misnamed = await putPair(store, 'a', '2026-01-03T00:00:00+00:00', file);
    await store.put(misnamed.sha1, new TextEncoder().encode('0'.repeat(40)));
    const illegible = await putPair(store, 'a', '2026-01-04T00:00:00+00:00', file);
    await store.put(illegible.sha1, new TextEncoder().encode('none'));

    const refused = await restoreTree(store, scratch.at('tree'));
    assert.deepEqual(codesOf(refused.failed), { a: 'BAD_SHA1' });
    assert.deepEqual((await readTree(scratch.at('tree'))).size, 0);
    const summary = await restoreTree(store, scratch.at('tree'), { fallback: true });
    assert.deepEqual([summary.counts['restored'], summary.counts['fallbacks'], summary.failed.length], [1, 3, 0]);
    assert.deepEqual((await readTree(scratch.at('tree'))).get('a.wsp'), file);
  });

  it('python tool #19: goes on past a corrupt backup, a wrong checksum, a stray key and a file in the way', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    const file = whisperFile();
    const corrupt = await putPair(store, 'corrupt', TIMESTAMP, file);
    await store.put(corrupt.data, new TextEncoder().encode('not gzip'));
    const wrong = await putPair(store, 'wrong', TIMESTAMP, file);
    await store.put(wrong.sha1, new TextEncoder().encode('a'.repeat(40)));
    const strays = [
      'stray.sha1',
      'metric/stray.sha1',
      'metric/2026-01-01T00:00:00+00:00.sha1.bak',
      'metric/',
      '_x/y/z',
    ];
    for (const key of strays) await store.put(key, new Uint8Array([1]));
    await putPair(store, 'file.in.the.way', TIMESTAMP, file);
    await plant(scratch.at('tree'), 'file', new Uint8Array());
    await mkdir(scratch.at('tree', 'directory.wsp'));
    await putPair(store, 'directory', TIMESTAMP, file);
    await putPair(store, 'a.good', TIMESTAMP, file);
    await putPair(store, 'z.good', TIMESTAMP, file);

    const summary = await restoreTree(store, scratch.at('tree'));
    assert.deepEqual(codesOf(summary.failed), {
      corrupt: 'COMPRESSION_DAMAGED',
      wrong: 'WRONG_SHA1',
      'file.in.the.way': 'NOT_A_DIRECTORY',
      directory: 'NOT_REGULAR',
    });
    assert.equal(summary.counts['foreignKeys'], strays.length);
    assert.equal(exitCodeOfSummary(summary), 3);
    const tree = await readTree(scratch.at('tree'));
    assert.deepEqual([...tree.keys()].toSorted(), ['a/good.wsp', 'file', 'z/good.wsp']);
  });

  it('python tool #20: takes a date in every form of ISO-8601, and the newest backup strictly before it', async () => {
    for (const text of [
      '2026-01-02T00:00:00+00:00',
      '2026-01-02T00:00:00Z',
      '2026-01-02T00:00:00',
      '2026-01-02 00:00:00',
      '2026-01-02T01:00:00+01:00',
      '2026-01-01T19:00-05:00',
      '2026-01-02',
      '20260102T000000Z',
    ]) {
      assert.equal(parseDate(text).toISOString(), '2026-01-02T00:00:00.000Z', text);
    }
    await using scratch = await createScratch();
    const store = createMemoryStore();
    for (const seed of [1, 2, 3]) await putPair(store, 'a', `2026-01-0${seed}T00:00:00+00:00`, whisperFile({ seed }));
    for (const [text, seed] of [
      ['2026-01-02', 1],
      ['2026-01-02T00:00:01Z', 2],
      ['2099-01-01', 3],
    ] as const) {
      await rm(scratch.at('tree'), { recursive: true, force: true });
      await restoreTree(store, scratch.at('tree'), { date: parseDate(text) });
      assert.deepEqual((await readTree(scratch.at('tree'))).get('a.wsp'), whisperFile({ seed }), text);
    }
  });

  it('python tool #20: says that no backup is old enough, and that is no success', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    await putPair(store, 'a', TIMESTAMP, whisperFile());
    const summary = await restoreTree(store, scratch.at('tree'), { date: parseDate('2025-01-01') });
    assert.deepEqual(summary.stopped, {
      code: 'NOTHING_MATCHED',
      message: 'Nothing to restore: memory has no backup before 2025-01-01T00:00:00+00:00',
    });
    assert.equal(exitCodeOfSummary(summary), 1);
  });

  it('python tool #8: leaves a damaged local file alone, and moves it aside when asked to', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    const good = whisperFile();
    await put(store, 'a', good);
    const cut = good.subarray(0, 500);
    const file = await plant(scratch.at('tree'), 'a.wsp', cut);
    const summary = await restoreTree(store, scratch.at('tree'));
    assert.deepEqual(codesOf(summary.failed), { a: 'LOCAL_DAMAGED' });
    assert.match(summary.failed[0]?.reason ?? '', /--replace-damaged/);
    assert.deepEqual(new Uint8Array(await readFile(file)), cut);
    const replaced = await restoreTree(store, scratch.at('tree'), { replaceDamaged: true });
    assert.equal(replaced.counts['restored'], 1);
    const tree = await readTree(scratch.at('tree'));
    assert.deepEqual(tree.get('a.wsp'), good);
    const aside = [...tree.keys()].filter((name) => name.startsWith('a.wsp.damaged-'));
    assert.deepEqual(tree.get(aside[0] ?? ''), cut);
  });

  it('python tool #13: leaves no half of a file when it is interrupted', async () => {
    await using scratch = await createScratch();
    const store = createMemoryStore();
    for (let i = 0; i < 40; i++) await put(store, `m${i}`, whisperFile({ seed: i }));
    const interruption = new AbortController();
    let gets = 0;
    const slow = delegate(store, {
      async get(key, options) {
        if (++gets === 10) interruption.abort(new Error('interrupted'));
        return store.get(key, options);
      },
    });
    await assert.rejects(restoreTree(slow, scratch.at('tree'), { signal: interruption.signal }), /interrupted/);
    for (const [name, bytes] of await readTree(scratch.at('tree'))) {
      assert.deepEqual(bytes, whisperFile({ seed: Number(name.slice(1, -4)) }), name);
    }
  });
});

async function put(store: ObjectStore, path: string, file: Uint8Array): Promise<void> {
  await store.put(backupKey('', path, TIMESTAMP, sha1Of(file), 'gz'), gzipSync(file));
}
