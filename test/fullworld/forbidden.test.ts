import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import { createS3Store } from '../../lib/store/drivers/s3/s3.ts';
import { createSwiftStore } from '../../lib/store/drivers/swift/swift.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { metricFile, plantMetric, plantMetrics } from '../fixtures/metric.ts';
import { codesOf, listAll } from '../fixtures/operations.ts';
import { reportReliability } from '../fixtures/reliability.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { type Ended, run } from '../scripts/cli/program.ts';
import { type FaultProxy, startFaultProxy } from '../servers/fault-proxy.ts';
import { ownBucket, sharedRadosgw, sharedSwift } from '../servers/shared.ts';

const SHARED = ownBucket('shared');
const EMPTY = ownBucket('empty');
const TURNING = ownBucket('turning');
const METRICS = Array.from({ length: 12 }, (_, i) => `m${String(i).padStart(2, '0')}`);

type Environment = Readonly<Record<string, string>>;

/** A server with two users: one whose buckets they are, and one who is let in to read. */
interface Place {
  /** On the way of the program to it. */
  readonly proxy: FaultProxy;
  readonly args: readonly string[];
  readonly writer: Environment;
  readonly reader: Environment;
  /** Lets the reader read a bucket. */
  allow(bucket: string): Promise<void>;
  /** Straight to the server. */
  store(bucket: string): ObjectStore;
  stop(): Promise<void>;
}

async function radosgwPlace(): Promise<Place> {
  const { s3, stop } = await sharedRadosgw();
  const proxy = await startFaultProxy(s3.endpoint);
  const { accessKeyId, secretAccessKey, endpoint } = s3;
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    credentials: { accessKeyId, secretAccessKey },
  });
  return {
    proxy,
    args: ['s3', 'us-east-1', proxy.url],
    writer: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    reader: { AWS_ACCESS_KEY_ID: s3.other.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.other.secretAccessKey },
    async allow(bucket) {
      const Policy = JSON.stringify({
        Version: '2012-10-17',
        Statement: {
          Effect: 'Allow',
          Principal: { AWS: ['arn:aws:iam:::user/other'] },
          Action: ['s3:GetObject', 's3:ListBucket'],
          Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
        },
      });
      await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
    },
    store: (bucket) => createS3Store({ bucket, endpoint, accessKeyId, secretAccessKey }),
    async stop() {
      client.destroy();
      await proxy.stop();
      await stop();
    },
  };
}

async function swiftPlace(): Promise<Place> {
  const scratch = await createScratch();
  const swift = await sharedSwift(scratch.path);
  const proxy = await startFaultProxy(swift.url);
  const { authUrl, user, key } = swift.v1;
  const ST_AUTH = authUrl.replace(swift.url, proxy.url);
  return {
    proxy,
    args: ['swift'],
    writer: { ST_AUTH, ST_USER: user, ST_KEY: key },
    reader: { ST_AUTH, ST_USER: 'test:reader', ST_KEY: 'reading' },
    async allow(bucket) {
      const login = await fetch(authUrl, { headers: { 'X-Auth-User': user, 'X-Auth-Key': key } });
      await login.body?.cancel();
      const token = login.headers.get('x-auth-token') ?? '';
      const headers = { 'X-Auth-Token': token, 'X-Container-Read': 'test:reader' };
      const set = await fetch(`${login.headers.get('x-storage-url')}/${bucket}`, { method: 'POST', headers });
      await set.body?.cancel();
      assert.equal(set.status, 204);
    },
    store: (container) => createSwiftStore({ container, auth: { method: 'v1', authUrl, user, key } }),
    async stop() {
      await proxy.stop();
      await swift.stop();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

for (const [name, startPlace] of [
  ['S3', radosgwPlace],
  ['Swift', swiftPlace],
] as const) {
  describe(`a bucket on ${name} that may not be written to`, () => {
    let place: Place;
    before(async () => {
      place = await startPlace();
    });
    after(() => place.stop());

    /** Runs the program, by way of the proxy. */
    function program(scratch: Scratch, env: Environment, bucket: string, ...words: string[]): Promise<Ended> {
      const own = ['--nolock', '--nolog', '--nostamp', '--json'];
      return run([...own, '-p', scratch.at('tree'), '-b', bucket, ...words, ...place.args], { env });
    }

    async function objects(bucket: string): Promise<Map<string, Uint8Array>> {
      const store = place.store(bucket);
      const found = new Map<string, Uint8Array>();
      for (const { key } of await listAll(store)) found.set(key, await store.get(key, { maxBytes: 1e6 }));
      await store.close();
      return found;
    }

    it('for a read-only user: a backup reports what it may not store, and list, verify and restore work', async (t) => {
      await using scratch = await createScratch();
      await plantMetrics(scratch.at('tree'), METRICS);
      const tree = contents(await readTree(scratch.at('tree')));
      assert.equal((await program(scratch, place.writer, SHARED, 'backup')).code, 0);
      const stored = contents(await objects(SHARED));
      await place.allow(SHARED);

      await plantMetric(scratch.at('tree'), 'm00', metricFile(99));
      const refused = await program(scratch, place.reader, SHARED, '--retention', '1', 'backup');
      assert.equal(refused.code, 3, refused.stderr);
      assert.deepEqual(codesOf(JSON.parse(refused.stdout).failed), { m00: 'DENIED' });
      assert.match(
        refused.stderr,
        /Cannot store "m00.* on \S+:shared-\d+: .*(refuses these credentials|does not have the permission)/,
      );
      // It cannot even say whose it is.
      const empty = place.store(EMPTY);
      await empty.open({ create: true });
      await empty.close();
      await place.allow(EMPTY);
      const unclaimed = await program(scratch, place.reader, EMPTY, 'backup');
      assert.equal(unclaimed.code, 12, unclaimed.stderr);
      assert.deepEqual(contents(await objects(SHARED)), stored);

      const listed = await program(scratch, place.reader, SHARED, 'list');
      assert.deepEqual([listed.code, listed.stdout.trimEnd().split('\n').length], [0, METRICS.length], listed.stderr);
      const verified = await program(scratch, place.reader, SHARED, '--read-data', 'verify');
      assert.equal(verified.code, 0, verified.stderr);
      const restored = await program(scratch, place.reader, SHARED, '-p', scratch.at('restored'), 'restore');
      assert.equal(restored.code, 0, restored.stderr);
      assert.deepEqual(contents(await readTree(scratch.at('restored'))), tree);
      reportReliability(t, 'read-only', { runs: 6, refused: 2 });
    });

    it('from some request on: files that could not be stored are reported, and their old backups stay', async (t) => {
      await using scratch = await createScratch();
      await plantMetrics(scratch.at('tree'), METRICS);
      assert.equal((await program(scratch, place.writer, TURNING, 'backup')).code, 0);
      const old = await objects(TURNING);
      for (const [i, metric] of METRICS.entries()) await plantMetric(scratch.at('tree'), metric, metricFile(100 + i));
      try {
        place.proxy.inject({ kind: 'answer', status: 403 }, { method: 'PUT', after: 5 });
        place.proxy.inject({ kind: 'answer', status: 403 }, { method: 'DELETE' });
        place.proxy.inject({ kind: 'answer', status: 403 }, { method: 'POST' });
        const { code, stdout, stderr } = await program(scratch, place.writer, TURNING, '--retention', '1', 'backup');
        assert.equal(code, 3, stderr);
        const { counts, failed } = JSON.parse(stdout);
        assert.equal(counts.deleted, 0);
        const codes = failed.map(({ code }: { code: string }) => code).toSorted();
        const expected = ['DELETE_FAILED', 'DENIED'].flatMap((code) =>
          METRICS.slice(0, code === 'DENIED' ? METRICS.length - counts.stored : counts.stored).map(() => code),
        );
        assert.ok(counts.stored > 0 && counts.stored < METRICS.length, stdout);
        assert.deepEqual(codes, expected, stdout);
        const now = contents(await objects(TURNING));
        for (const [key, content] of Object.entries(contents(old))) assert.equal(now[key], content, key);
        assert.equal(Object.keys(now).length, old.size + counts.stored);
        reportReliability(t, 'read-only', { runs: 3, refused: failed.length });
      } finally {
        place.proxy.heal();
      }
      const again = await program(scratch, place.writer, TURNING, '--retention', '1', 'backup');
      assert.equal(again.code, 0, again.stderr);
      assert.equal((await objects(TURNING)).size, METRICS.length);
    });
  });
}
