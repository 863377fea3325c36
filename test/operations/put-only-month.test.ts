import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { GetObjectCommand, ListObjectVersionsCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { backupKey, runKey, tombstoneKey } from '../../lib/bucket/layout.ts';
import { silent } from '../../lib/common/report.ts';
import { formatTimestamp } from '../../lib/common/timestamp.ts';
import { formatRunRecord } from '../../lib/monitoring/run-record.ts';
import { prune } from '../../lib/operations/prune/prune-bucket.ts';
import { withoutDeletes } from '../../lib/store/decorators/no-deletes.ts';
import { withDates } from '../fixtures/dated-store.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { backUp, journalTree, machine, restoreTree } from '../fixtures/operations.ts';
import { policedBucket } from '../fixtures/policed-bucket.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { NO_CALENDAR } from '../model/calendar.ts';
import type { BackupItem } from '../model/expected.ts';
import { retiredOf } from '../model/rules.ts';
import { type SharedRadosgw, sharedRadosgw } from '../servers/shared.ts';
import { collect, keysOf } from '../store/collect.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let radosgw: SharedRadosgw;
before(async () => {
  radosgw = await sharedRadosgw();
});
after(() => radosgw.stop());

const rules = {
  ...{ ...NO_CALENDAR, keepDaily: 7, keepWeekly: 3, keepMonthly: 2 },
  ...{ retention: 2, keepWithin: 3, purge: 10, purgeShare: 100, force: false },
};

/** What happens to files each day; the others change daily. */
const life: Readonly<Record<string, (day: number) => 'changes' | 'stays' | 'gone'>> = {
  daily: () => 'changes',
  weekly: (day) => (day % 7 === 0 ? 'changes' : 'stays'),
  never: (day) => (day === 0 ? 'changes' : 'stays'),
  comes: (day) => (day >= 12 ? 'changes' : 'gone'),
  goes: (day) => (day < 8 ? 'changes' : 'gone'),
  back: (day) => (day < 5 ? 'changes' : day < 9 ? 'gone' : 'stays'),
};

/** What should be in the bucket: backups and tombstones by path, from the documented rules alone. */
class Model {
  readonly backups = new Map<string, BackupItem[]>();
  readonly tombstones = new Map<string, number[]>();

  keys(): string[] {
    const backups = [...this.backups.values()].flat().map(({ path, time, content }) => {
      const { sha1 } = content;
      return backupKey('', path, formatTimestamp(new Date(time)), sha1, 'gz');
    });
    const marks = [...this.tombstones].flatMap(([path, times]) =>
      times.map((time) => tombstoneKey('', path, formatTimestamp(new Date(time)))),
    );
    return [...backups, ...marks].sort();
  }

  backUp(files: ReadonlyMap<string, Uint8Array>, time: number): void {
    for (const [path, bytes] of files) {
      const sha1 = createHash('sha1').update(bytes).digest('hex');
      const backups = this.backups.get(path) ?? [];
      const mark = this.tombstones.get(path)?.at(-1) ?? 0;
      const newest = backups.at(-1);
      if (newest?.content.sha1 === sha1 && newest.time > mark) continue;
      const content = { sha1, isDamaged: false } as BackupItem['content'];
      this.backups.set(path, [...backups, { kind: 'backup', path, time, content, size: 1000, modified: time }]);
    }
    for (const path of this.backups.keys()) {
      const marks = this.tombstones.get(path) ?? [];
      if (!files.has(path) && time - (marks.at(-1) ?? 0) > 7 * DAY) this.tombstones.set(path, [...marks, time]);
    }
  }

  prune(now: number): void {
    for (const [path, backups] of this.backups) {
      const marks = this.tombstones.get(path) ?? [];
      const isVoid = (marks.at(-1) ?? 0) < (backups.at(-1)?.time ?? 0);
      if (isVoid) this.tombstones.delete(path);
      const [first = now] = marks;
      // It was missing then, too.
      const isDue = !isVoid && marks.some((time) => time - first >= rules.purge * DAY);
      if (isDue) for (const all of [this.backups, this.tombstones]) all.delete(path);
      const gone = new Set(retiredOf(backups, rules, now));
      if (!isDue)
        this.backups.set(
          path,
          backups.filter((one) => !gone.has(one)),
        );
    }
  }
}

describe('a host that may put, list, and get its own objects, on radosgw', () => {
  it('backs up and journals for 30 days, prune keeps what the rules say, and nothing it does destroys what it had stored', async () => {
    await using scratch = await createScratch();
    await using place = await policedBucket(radosgw);
    const { admin, bucket: Bucket } = place;
    await admin.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }));

    // The times of files are compared with those of backups, so the days begin now.
    let time = Math.floor(Date.now() / 1000) * 1000;
    const now = () => new Date(time);
    const modified = new Map<string, Date>();
    const host = withoutDeletes(withDates(place.store, now, modified));
    const bastion = withDates(place.owner, now, modified);
    const pruned = () => prune(bastion, { report: silent, now, ...rules });
    const marks = { file: scratch.at('marks') };
    const tree = scratch.at('tree');
    const model = new Model();
    const isData = (key: string) => !key.startsWith('.whisper-backup/');
    const files = async () =>
      new Map([...(await readTree(tree))].map(([name, bytes]) => [name.replace(/\.wsp$/, ''), bytes] as const));
    const well = (
      { failed, stopped }: { readonly failed: readonly unknown[]; readonly stopped?: unknown },
      about: string,
    ) => assert.deepEqual([failed, stopped], [[], undefined], about);

    for (let day = 0; day < 30; day++) {
      for (const [path, of] of Object.entries(life)) {
        const what = of(day);
        if (what === 'gone') await rm(`${tree}/${path}.wsp`, { force: true });
        else if (what === 'changes' || !(await files()).has(path))
          await plantMetric(
            tree,
            path,
            metricFile(what === 'stays' ? 4 : day, { now: what === 'stays' ? 1e9 : time / 1000 }),
          );
      }
      model.backUp(await files(), time);
      well(await backUp(host, tree, { now }), `backup of day ${day}`);
      const run = { command: 'backup', exitCode: 0, seconds: 1, interval: 86_400 } as const;
      const started = now().toISOString();
      const record = { program: '1', host: 'web01', machine: machine.id, started, finished: started, ...run };
      await host.put(runKey('', now()), new TextEncoder().encode(formatRunRecord(record)));
      assert.deepEqual((await keysOf(host)).filter(isData), model.keys(), `after the backup of day ${day}`);
      time += 6 * HOUR;
      await plantMetric(tree, 'daily', metricFile(100 + day, { now: time / 1000 }));
      well(await journalTree(host, tree, { now, marks }), `journal of day ${day}`);
      assert.deepEqual((await keysOf(host)).filter(isData), model.keys(), `after the journal of day ${day}`);
      time += HOUR;
      const before = await keysOf(bastion);
      well(await pruned(), `prune of day ${day}`);
      model.prune(time);
      assert.deepEqual((await keysOf(bastion)).filter(isData), model.keys(), `after the prune of day ${day}`);
      const runs = before.filter((key) => key.endsWith('/index.json'));
      const isYoung = (key: string) => time - (modified.get(key)?.getTime() ?? 0) <= 8 * DAY;
      assert.deepEqual(
        (await keysOf(bastion)).filter((key) => key.endsWith('/index.json')),
        runs.filter(isYoung),
        `day ${day}`,
      );
      time += 17 * HOUR;
    }
    assert.deepEqual([...model.backups.keys()].sort(), ['back', 'comes', 'daily', 'never', 'weekly']);
    await restoreTree(bastion, scratch.at('restored'), { now });
    assert.deepEqual(contents(await readTree(scratch.at('restored'))), contents(await readTree(tree)));

    // A compromised host overwrites all, and stores more under false dates.
    const bodies = new Map<string, Uint8Array>();
    for (const key of await keysOf(bastion)) bodies.set(key, await bastion.get(key, { maxBytes: 1e6 }));
    const forged = [0, 0.5, 20, 400].map((days) =>
      backupKey('', 'never', formatTimestamp(new Date(time - days * DAY)), 'f'.repeat(40), 'gz'),
    );
    for (const key of [...forged, ...bodies.keys()]) await host.put(key, new Uint8Array([1]));
    const { counts, failed, stopped } = await pruned();
    assert.deepEqual([stopped, counts['deleted']], [undefined, 0]);
    assert.deepEqual(new Set(failed.map(({ code }) => code)), new Set(['DATE_CONTRADICTS']));
    const accused = failed.map(({ metric }) => metric).filter((metric) => !metric.includes(' '));
    assert.deepEqual(accused.sort(), [...model.backups.keys()].sort());
    const { Versions: versions = [], IsTruncated } = await admin.send(new ListObjectVersionsCommand({ Bucket }));
    assert.equal(IsTruncated, false);
    for (const [Key, body] of bodies) {
      const kept = versions.filter((version) => version.Key === Key && version.Size === body.length);
      const found = kept.map(async ({ VersionId }) => {
        const { Body } = await admin.send(new GetObjectCommand({ Bucket, Key, VersionId }));
        return Buffer.from((await Body?.transformToByteArray()) ?? []).equals(body);
      });
      assert.ok((await Promise.all(found)).includes(true), `${Key} is lost`);
    }
    assert.ok((await collect(bastion)).length >= bodies.size);
  });
});
