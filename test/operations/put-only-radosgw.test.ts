import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutBucketAclCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectAclCommand,
} from '@aws-sdk/client-s3';
import { silent } from '../../lib/common/report.ts';
import { addHold, listHolds, releaseHold } from '../../lib/operations/holds/holds.ts';
import { prune } from '../../lib/operations/prune/prune-bucket.ts';
import { withoutDeletes } from '../../lib/store/decorators/no-deletes.ts';
import { DeniedError } from '../../lib/store/errors.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { backUp, journalTree, purgeGone, restoreTree } from '../fixtures/operations.ts';
import { policedBucket } from '../fixtures/policed-bucket.ts';
import { principal, readPolicies } from '../fixtures/policies.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { type SharedRadosgw, sharedRadosgw } from '../servers/shared.ts';
import { keysOf } from '../store/collect.ts';

let radosgw: SharedRadosgw;
before(async () => {
  radosgw = await sharedRadosgw();
});
after(() => radosgw.stop());

const policies = await readPolicies();
const denied = (call: Promise<unknown>) =>
  assert.rejects(call, (error) => error instanceof DeniedError || (error as Error).name === 'AccessDenied');

describe('the policies of docs/stores.md for a host that cannot delete', () => {
  it('are the same for a user at Amazon and for a bucket of radosgw', () => {
    const { AWS } = principal('web01');
    const hosts = policies.bucket.filter(({ Principal }) => JSON.stringify(Principal).includes(AWS));
    assert.deepEqual(
      hosts.map(({ Principal: _, ...statement }) => statement),
      policies.host,
    );
    assert.equal(policies.bucket.length, hosts.length + 1);
  });

  it('let it back up, journal and mark what is gone on radosgw, and the other machine prune', async () => {
    await using scratch = await createScratch();
    await using place = await policedBucket(radosgw);
    const { owner, setPolicy } = place;
    const host = withoutDeletes(place.store);
    const tree = scratch.at('tree');
    const marks = { file: scratch.at('marks') };
    for (const path of ['a', 'b', 'gone']) await plantMetric(tree, path, metricFile(1));
    await host.open({ create: false });
    let seed = 1;
    const day = async () => {
      await plantMetric(tree, 'a', metricFile(++seed, { now: Math.floor(Date.now() / 1000) }));
      for (const { failed, stopped } of [
        await backUp(host, tree),
        await journalTree(host, tree, { marks }),
        await purgeGone(host, tree),
      ])
        assert.deepEqual([failed, stopped], [[], undefined]);
    };
    for (let i = 0; i < 3; i++) await day();
    const live = contents(await readTree(tree));
    await restoreTree(owner, scratch.at('restored'));
    assert.deepEqual(contents(await readTree(scratch.at('restored'))), live);

    await setPolicy([...policies.bucket, { ...policies.holds, Principal: principal('web01') }]);
    await day();
    await denied(addHold(place.store, { report: silent, name: 'forged' }));

    const stored = await keysOf(owner, { prefix: 'a/' });
    await setPolicy(policies.prune.map((statement) => ({ ...statement, Principal: principal('web01') })));
    const options = { report: silent, retention: 1 };
    const { counts, failed, stopped } = await prune(place.store, options);
    assert.deepEqual([failed, stopped, counts['retired']], [[], undefined, 3]);
    assert.deepEqual(await keysOf(owner, { prefix: 'a/' }), stored.slice(-1));
    await place.store.put('.whisper-backup/runs/x', new Uint8Array());
    const hold = { report: silent, name: 'x' };
    assert.equal((await addHold(place.store, hold)).backups, 3);
    assert.equal((await listHolds(place.store, hold)).length, 1);
    await releaseHold(place.store, hold);
    await denied(place.store.put(stored.at(-1) ?? '', new Uint8Array()));
  });

  it('keep every backup readable on radosgw with versioning, whatever it does with its credentials', async () => {
    await using scratch = await createScratch();
    await using place = await policedBucket(radosgw);
    const { admin, attacker, bucket: Bucket, owner, store } = place;
    const Versions = { Bucket, VersioningConfiguration: { Status: 'Enabled' } } as const;
    await admin.send(new PutBucketVersioningCommand(Versions));
    const host = withoutDeletes(store);
    for (const path of ['a', 'b']) await plantMetric(scratch.at('tree'), path);
    await backUp(host, scratch.at('tree'));
    await plantMetric(scratch.at('tree'), 'a', metricFile(2));
    await backUp(host, scratch.at('tree'));
    const before = new Map<string, { readonly id: string; readonly body: Uint8Array }>();
    const { Versions: versions = [] } = await admin.send(new ListObjectVersionsCommand({ Bucket }));
    for (const { Key = '', VersionId = '' } of versions)
      before.set(Key, { id: VersionId, body: await owner.get(Key, { maxBytes: 1e6 }) });
    const backups = [...before.keys()].filter((key) => key.endsWith('.wsp.gz'));
    assert.equal(backups.length, 3);

    for (const [Key, { id: VersionId }] of before) {
      await denied(attacker.send(new DeleteObjectCommand({ Bucket, Key })));
      await denied(attacker.send(new DeleteObjectCommand({ Bucket, Key, VersionId })));
      await denied(
        attacker.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }, { Key, VersionId }] } })),
      );
    }
    await denied(attacker.send(new ListObjectVersionsCommand({ Bucket })));
    await denied(
      attacker.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Suspended' } })),
    );
    const Rules = [
      { ID: 'x', Status: 'Enabled', Filter: { Prefix: '' }, NoncurrentVersionExpiration: { NoncurrentDays: 1 } },
    ] as const;
    await denied(
      attacker.send(
        new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [...Rules] } }),
      ),
    );
    await denied(
      attacker.send(new PutBucketPolicyCommand({ Bucket, Policy: '{"Version":"2012-10-17","Statement":[]}' })),
    );
    await denied(attacker.send(new PutBucketAclCommand({ Bucket, ACL: 'public-read-write' })));
    for (const key of before.keys()) await store.put(key, new Uint8Array([1]));
    // What it stored is its own there: it may try to lock the owner out.
    for (const Key of before.keys())
      await attacker.send(new PutObjectAclCommand({ Bucket, Key, ACL: 'private' })).catch(() => {});

    for (const [Key, { id: VersionId, body }] of before) {
      assert.equal((await owner.get(Key, { maxBytes: 1e6 })).length, 1, 'it can overwrite');
      const { Body } = await admin.send(new GetObjectCommand({ Bucket, Key, VersionId }));
      assert.ok(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(body), Key);
    }
  });
});
