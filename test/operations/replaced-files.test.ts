import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, rm, utimes } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { Hold, UnreadableHold } from '../../lib/bucket/hold-file.ts';
import { silent } from '../../lib/common/report.ts';
import type { Summary } from '../../lib/common/summary.ts';
import { listHolds, releaseHold } from '../../lib/operations/holds/holds.ts';
import { showStored } from '../../lib/operations/views/show.ts';
import { withDryRun } from '../../lib/store/decorators/dry-run.ts';
import { PermanentError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { Bucket, daysAgo } from '../fixtures/bucket.ts';
import { delegate } from '../fixtures/delegate.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { backUp, codesOf, listAll, machine, purgeGone, restoreTree, verifyAll } from '../fixtures/operations.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { readTree } from '../fixtures/tree.ts';

const DAY = 86_400_000;

/** A tree with bad data that no backup has; `same` is as it was backed up. */
class World {
  readonly bucket = new Bucket();
  readonly tree: string;

  constructor(scratch: Scratch) {
    this.tree = scratch.at('tree');
  }

  async fill(): Promise<this> {
    this.bucket.time = daysAgo(1);
    for (const [i, path] of ['a', 'servers/b', 'same'].entries()) await plantMetric(this.tree, path, metricFile(i));
    await backUp(this.bucket.store, this.tree, { now: this.bucket.now });
    this.bucket.time = daysAgo(0);
    for (const [i, path] of ['a', 'servers/b'].entries()) await plantMetric(this.tree, path, metricFile(i + 10));
    return this;
  }

  restore(options: Parameters<typeof restoreTree>[2] = {}, store: ObjectStore = this.bucket.store): Promise<Summary> {
    return restoreTree(store, this.tree, { machine, overwrite: true, now: this.bucket.now, ...options });
  }

  file(path: string): Promise<Buffer> {
    return readFile(`${this.tree}/${path}.wsp`);
  }
}

function dateOf(hold: Hold | UnreadableHold): Date {
  assert.ok('date' in hold);
  return hold.date;
}

describe('a restore with --overwrite', () => {
  it('stores the state before, which a hold keeps, and restores what was asked for', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).fill();
    const before = await readTree(world.tree);
    const lines: string[] = [];
    const report = { log: (_: string, line: string) => void lines.push(line), progress() {} };
    const { counts, hold } = await world.restore({ report });
    assert.match(
      lines.join('\n'),
      /to undo it, restore these metrics \(-m\) with --overwrite --date 2026-11-22T12:00:00\.001Z;/,
    );
    assert.deepEqual([counts['stored'], counts['restored'], counts['unchanged']], [2, 2, 1]);
    assert.equal(hold, 'before-restore-2026-11-22T12:00:00+00:00');
    for (const [i, path] of ['a', 'servers/b', 'same'].entries())
      assert.deepEqual(new Uint8Array(await world.file(path)), metricFile(i));
    // Nights later, by the smallest retention.
    for (let night = 1; night <= 3; night++) {
      world.bucket.time = new Date(daysAgo(0).getTime() + night * DAY);
      await plantMetric(world.tree, 'a', metricFile(20 + night));
      await backUp(world.bucket.store, world.tree, { now: world.bucket.now, retention: 1 });
    }
    const [file] = await world.bucket.keys('.whisper-backup/holds/');
    const { date } = JSON.parse(new TextDecoder().decode(await world.bucket.store.get(file ?? '', { maxBytes: 1e4 })));
    await restoreTree(world.bucket.store, scratch.at('again'), { date: new Date(date) });
    assert.deepEqual(await readTree(scratch.at('again')), before);
  });

  it('stores nothing and adds no hold if no file is replaced, or in a dry run', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).fill();
    const keys = await world.bucket.keys();
    const dry = await world.restore({ dryRun: true }, withDryRun(world.bucket.store));
    assert.deepEqual([dry.counts['stored'], dry.counts['restored']], [2, 2]);
    // Only new metrics, or a date before all backups.
    await rm(world.tree, { recursive: true });
    const { hold } = await world.restore({ metrics: 'a' });
    assert.equal(hold, undefined);
    await plantMetric(world.tree, 'a', metricFile(50));
    assert.equal((await world.restore({ date: daysAgo(9) })).hold, undefined);
    assert.deepEqual(await world.bucket.keys(), keys);
  });

  it('can be repeated: without a date it takes the backups that it took before, also after a kill', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).fill();
    await world.restore();
    const restored = await readTree(world.tree);
    for (const seconds of [0, 1, 60]) {
      world.bucket.time = new Date(daysAgo(0).getTime() + seconds * 1000);
      // As if the first one had been killed before it replaced this file.
      if (seconds === 60) await plantMetric(world.tree, 'a', metricFile(10));
      await world.restore();
      assert.deepEqual(await readTree(world.tree), restored);
      // A backfill, too.
      await restoreTree(world.bucket.store, world.tree, { now: world.bucket.now });
      assert.deepEqual(await readTree(world.tree), restored);
    }
    // A later backup counts as usual.
    await plantMetric(world.tree, 'a', metricFile(40));
    world.bucket.time = new Date(daysAgo(0).getTime() + DAY);
    await backUp(world.bucket.store, world.tree, { now: world.bucket.now });
    await plantMetric(world.tree, 'a', metricFile(41));
    await world.restore({ metrics: 'a' });
    assert.deepEqual(new Uint8Array(await world.file('a')), metricFile(40));
  });

  it('does not count as a backup for the next one: a quiet metric that was restored twice is stored again', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).fill();
    await backUp(world.bucket.store, world.tree, { now: world.bucket.now });
    const date = new Date(daysAgo(1).getTime() + DAY / 2);
    for (const seconds of [60, 120]) {
      world.bucket.time = new Date(daysAgo(0).getTime() + seconds * 1000);
      await world.restore({ date });
    }
    world.bucket.time = daysAgo(-1);
    const { counts } = await backUp(world.bucket.store, world.tree, { now: world.bucket.now, retention: 1 });
    assert.equal(counts['stored'], 2);
    await restoreTree(world.bucket.store, scratch.at('again'), { now: world.bucket.now });
    assert.deepEqual(await readTree(scratch.at('again')), await readTree(world.tree));
  });

  it('takes the state before at the date of its hold, and show and list agree; then without the journal', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).fill();
    const first = await world.restore();
    world.bucket.time = daysAgo(-1);
    await plantMetric(world.tree, 'a', metricFile(40));
    const second = await world.restore();
    const { store } = world.bucket;
    const dates = [undefined, ...(await listHolds(store, { report: silent })).map((hold) => dateOf(hold))];
    assert.deepEqual([first.hold, second.hold].includes(undefined), false);
    const expected = [
      [0, 1],
      [10, 11],
      [40, 1],
    ];
    for (const [i, date] of dates.entries()) {
      const before = date && { date };
      const tree = scratch.at(`tree${i}`);
      await restoreTree(store, tree, { now: world.bucket.now, ...before });
      const files = await readTree(tree);
      for (const [at, path] of ['a', 'servers/b'].entries()) {
        assert.deepEqual(files.get(`${path}.wsp`), metricFile(expected[i]?.[at] ?? -1), `${path} of ${date}`);
        const metric = path.replace('/', '.');
        const shown = await showStored(store, metric, { report: silent, ...before });
        const listed = (await listAll(store, { metrics: metric, ...before })).at(-1);
        assert.deepEqual(shown.backup, listed);
        const sha1 = createHash('sha1')
          .update(files.get(`${path}.wsp`) ?? '')
          .digest('hex');
        assert.equal(listed?.sha1, sha1);
      }
    }
  });

  it('keeps the state before until its hold is released, also of metrics that no backup or file has', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).fill();
    const { store, now } = world.bucket;
    await plantMetric(world.tree, 'new/b', metricFile(30));
    const { hold = '' } = await world.restore({ metrics: 'servers.*', rename: [{ from: 'servers', to: 'new' }] });
    const replaced = async () => (await world.bucket.keys()).filter((key) => key.endsWith('.replaced'));
    assert.equal((await replaced()).length, 1);
    world.bucket.time = daysAgo(-2);
    await rm(`${world.tree}/new`, { recursive: true });
    for (const run of [backUp, purgeGone]) await run(store, world.tree, { now, purge: 0 });
    assert.equal((await replaced()).length, 1);
    assert.deepEqual((await verifyAll(store, { readData: true })).failed, []);
    await releaseHold(store, { report: silent, name: hold });
    await backUp(store, world.tree, { now, dryRun: true });
    assert.equal((await replaced()).length, 1);
    await backUp(store, world.tree, { now });
    assert.deepEqual(await replaced(), []);
  });

  it('gives each restore a hold of its own, and stores only what it selects', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).fill();
    const first = await world.restore({ metrics: 'servers.*' });
    assert.equal(first.counts['stored'], 1);
    await plantMetric(world.tree, 'servers/b', metricFile(30));
    const second = await world.restore({ metrics: 'servers.*' });
    assert.deepEqual(
      [first.hold, second.hold].map((name) => name?.slice(-14)),
      ['12:00:00+00:00', '12:00:01+00:00'],
    );
    assert.deepEqual(await world.bucket.restorable(), [...['a 2026-11-21', 'same 2026-11-21', 'servers.b 2026-11-21']]);
  });

  it('does not replace a file whose state cannot be stored, and names it', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).fill();
    const refusing = delegate(world.bucket.store, {
      async put(key, body, options) {
        if (key.startsWith('a/')) throw new PermanentError('quota exceeded');
        return world.bucket.store.put(key, body, options);
      },
    });
    const { counts, failed } = await world.restore({}, refusing);
    assert.deepEqual([counts['restored'], counts['failed'], codesOf(failed)], [1, 1, { a: 'PERMANENT' }]);
    assert.match(failed[0]?.reason ?? '', /state before the restore cannot be stored: quota exceeded/);
    assert.deepEqual(new Uint8Array(await world.file('a')), metricFile(10));
    assert.deepEqual(new Uint8Array(await world.file('servers/b')), metricFile(1));
  });

  it('replaces nothing if the hold cannot be stored, and names what to do', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).fill();
    const refusing = delegate(world.bucket.store, {
      async put(key, body, options) {
        if (key.includes('/holds/')) throw new PermanentError('quota exceeded');
        return world.bucket.store.put(key, body, options);
      },
    });
    await assert.rejects(world.restore({}, refusing), /quota exceeded.*nothing was replaced.*restore again/);
    assert.deepEqual(new Uint8Array(await world.file('a')), metricFile(10));
  });

  it('can be repeated if it was interrupted while it stored the state before', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).fill();
    for (const interrupted of ['servers.b/', '/holds/']) {
      const interrupt = new AbortController();
      const store = delegate(world.bucket.store, {
        async put(key, body, options) {
          if (key.includes(interrupted)) interrupt.abort(new Error('killed'));
          options?.signal?.throwIfAborted();
          return world.bucket.store.put(key, body, options);
        },
      });
      await world.restore({ signal: interrupt.signal }, store).catch(() => {});
      assert.equal(interrupt.signal.aborted, true);
      assert.deepEqual(new Uint8Array(await world.file('a')), metricFile(10));
      world.bucket.time = new Date(world.bucket.time.getTime() + 1000);
    }
    // What was stored is kept, although the restore did not end.
    world.bucket.time = daysAgo(-2);
    const { counts } = await world.restore();
    assert.deepEqual([counts['restored'], counts['unchanged']], [2, 1]);
    for (const [i, path] of ['a', 'servers/b'].entries())
      assert.deepEqual(new Uint8Array(await world.file(path)), metricFile(i));
  });

  it('stores the files that other names replace, also those that no backup has', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).fill();
    await plantMetric(world.tree, 'new/b', metricFile(30));
    const { counts, hold } = await world.restore({ metrics: 'servers.*', rename: [{ from: 'servers', to: 'new' }] });
    assert.deepEqual([counts['stored'], counts['restored'], hold !== undefined], [1, 1, true]);
    assert.deepEqual(new Uint8Array(await world.file('new/b')), metricFile(1));
    const [date] = (await listHolds(world.bucket.store, { report: silent })).map((hold) => dateOf(hold));
    await restoreTree(world.bucket.store, scratch.at('again'), { metrics: 'new.*', ...(date && { date }) });
    assert.deepEqual(await readTree(scratch.at('again')), new Map([['new/b.wsp', metricFile(30)]]));
  });

  it('moves a damaged file aside instead of storing it', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).fill();
    const damaged = metricFile(3).subarray(0, 100);
    await plantMetric(world.tree, 'a', damaged);
    await plantMetric(world.tree, 'servers/b', new Uint8Array());
    const longAgo = new Date(Date.now() - 2 * 3_600_000);
    await utimes(`${world.tree}/servers/b.wsp`, longAgo, longAgo);
    const { counts, hold } = await world.restore({ now: () => daysAgo(0), fileLockTimeout: 0.05 });
    assert.deepEqual([counts['stored'], counts['restored'], counts['failed']], [undefined, 2, 0]);
    const files = await readTree(world.tree);
    assert.deepEqual(files.get('a.wsp.damaged-2026-11-22T12:00:00+00:00'), damaged);
    assert.deepEqual(files.get('a.wsp'), metricFile(0));
    assert.deepEqual(
      [...files.keys()].filter((name) => name.startsWith('servers/')),
      ['servers/b.wsp'],
    );
    assert.equal(hold !== undefined, true, 'of the file that was not replaced');
  });

  it('stores nothing in the bucket of another host or tree, and warns that what it replaces is lost', async () => {
    await using scratch = await createScratch();
    const world = await new World(scratch).fill();
    const keys = await world.bucket.keys();
    const warnings: string[] = [];
    const report = {
      log: (level: string, text: string) => void (level === 'warn' && warnings.push(text)),
      progress() {},
    };
    const other = { id: 'another', host: 'web02' };
    const { hold, counts } = await world.restore({ machine: other, report });
    assert.deepEqual([hold, counts['restored']], [undefined, 2]);
    assert.match(warnings.join(), /not marked as the bucket of this host and tree/);
    assert.deepEqual(await world.bucket.keys(), keys);
  });
});
