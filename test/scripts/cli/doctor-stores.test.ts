import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, afterEach, describe, it } from 'node:test';
import { PutBucketAclCommand, PutBucketLifecycleConfigurationCommand } from '@aws-sdk/client-s3';
import { createS3Store } from '../../../lib/store/drivers/s3/s3.ts';
import { plantMetrics } from '../../fixtures/metric.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { startFaultProxy } from '../../servers/fault-proxy.ts';
import { ownBucket, sharedRadosgw } from '../../servers/shared.ts';
import { s3Client } from '../../store/versioned-bucket.ts';
import { run } from './program.ts';

const scratch = await createScratch();
const radosgw = await sharedRadosgw();
const proxy = await startFaultProxy(radosgw.s3.endpoint);
const { accessKeyId, secretAccessKey, other, endpoint } = radosgw.s3;
await plantMetrics(scratch.at('tree'), ['a']);
const BUCKET = ownBucket('doctored');
const owner = createS3Store({ bucket: BUCKET, endpoint, accessKeyId, secretAccessKey });
await owner.open({ create: true });
after(async () => {
  await owner.close();
  await proxy.stop();
  await radosgw.stop();
  await scratch[Symbol.asyncDispose]();
});
afterEach(() => proxy.heal());

type Verdict = readonly [level: string, finding: string, remedy: string | undefined];

/** What doctor says of credentials and clock, and that it says no secret. */
async function doctor(
  storage: readonly string[],
  variables: Readonly<Record<string, string>>,
  options: readonly string[] = ['-b', BUCKET],
): Promise<{
  readonly code: number | null;
  readonly credentials: Verdict;
  readonly clock: Verdict;
  readonly bucket: Verdict;
}> {
  const file = scratch.at('credentials');
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(file, lines.join(''), { mode: 0o600 });
  const files = ['--nolog', '--nostamp', '--lockfile', scratch.at('lock'), '--prefix', scratch.at('tree')];
  const args = [...files, '--credentials', file, ...options, '--json', 'doctor', ...storage];
  const { code, stdout, stderr } = await run(args, { env: { HOME: scratch.path } });
  for (const [name, value] of Object.entries(variables)) {
    if (/SECRET|KEY$/.test(name)) assert.ok(!`${stdout}${stderr}`.includes(value), `${name} was shown`);
  }
  const { checks } = JSON.parse(stdout);
  const verdictOf = (name: string): Verdict => {
    const { level, finding, remedy } = checks.find((one: { name: string }) => one.name === name);
    return [level, finding, remedy];
  };
  return { code, credentials: verdictOf('credentials'), clock: verdictOf('clock'), bucket: verdictOf('bucket') };
}

const s3 = ['s3', 'us-east-1', `endpoint=${proxy.url}`];
const good = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };

describe('doctor, on S3', () => {
  it('finds that everything is permitted, and the clocks agree; leaves nothing in the bucket', async () => {
    const { credentials, clock } = await doctor(s3, good);
    assert.deepEqual(credentials, ['ok', `s3:${BUCKET} allows list, put, get and delete`, undefined]);
    assert.equal(clock[0], 'ok', clock[1]);
    for await (const { key } of owner.list()) assert.fail(key);
  });

  it('distinguishes refused credentials, a missing bucket and a read-only one', async () => {
    const wrong = await doctor(s3, { ...good, AWS_SECRET_ACCESS_KEY: 'a-wrong-secret-of-nobody' });
    assert.equal(wrong.code, 1);
    assert.equal(wrong.credentials[0], 'bad');
    assert.match(wrong.credentials[2] ?? '', /AWS_SECRET_ACCESS_KEY in the file set by credentials:/);

    const missing = await doctor(s3, good, ['-b', 'nowhere']);
    assert.deepEqual(missing.credentials.slice(0, 2), ['bad', 's3:nowhere does not exist']);
    assert.equal(missing.clock[0], 'warn');

    const reader = { AWS_ACCESS_KEY_ID: other.accessKeyId, AWS_SECRET_ACCESS_KEY: other.secretAccessKey };
    assert.equal((await doctor(s3, reader)).credentials[0], 'bad');
    const client = s3Client(radosgw);
    await client.send(new PutBucketAclCommand({ Bucket: BUCKET, ACL: 'public-read' }));
    client.destroy();
    const [level, finding, remedy] = (await doctor(s3, reader)).credentials;
    assert.equal(level, 'bad');
    assert.match(finding, /^Cannot put, but list only: /);
    assert.match(remedy ?? '', /Allow list, put, get and delete/);
  });

  it('reports what versions, locks and lifecycle rules of the bucket mean for its backups', async () => {
    const client = s3Client(radosgw);
    const Bucket = ownBucket('settings');
    const locked = createS3Store({
      ...{ bucket: Bucket, endpoint, accessKeyId, secretAccessKey },
      lock: { mode: 'governance', days: 1 },
    });
    const bucketOf = async (...more: readonly string[]) =>
      (await doctor([...s3, ...more], good, ['-b', Bucket])).bucket;
    try {
      const plain = (await doctor(s3, good)).bucket;
      assert.deepEqual(plain.slice(0, 2), ['ok', 'Versioning is off: what is overwritten or deleted is lost']);
      const unlockable = (await doctor([...s3, 'lock-mode=governance', 'lock-days=1'], good)).bucket;
      assert.deepEqual(unlockable[0], 'bad');

      await locked.open({ create: true });
      const [level, finding] = await bucketOf();
      assert.equal(level, 'warn');
      assert.match(
        finding,
        /^Versioning is on, and no lifecycle rule removes old versions: .*The bucket has object lock/,
      );
      const rule = { Status: 'Enabled', Filter: { Prefix: '' } } as const;
      const put = (Rules: object[]) =>
        client.send(
          new PutBucketLifecycleConfigurationCommand({
            Bucket,
            LifecycleConfiguration: { Rules: Rules.map((more) => ({ ...rule, ...more })) },
          }),
        );
      await put([{ ID: 'old', NoncurrentVersionExpiration: { NoncurrentDays: 30 } }]);
      assert.deepEqual(await bucketOf('lock-mode=governance', 'lock-days=7'), [
        'ok',
        'Versioning is on, deleted objects are kept for 30 days more. Objects are locked for 7 days (governance): what retention deletes before is billed until then, and older backups are not protected',
        undefined,
      ]);
      await put([{ ID: 'all', Expiration: { Days: 90 } }]);
      const [worse, reason, remedy] = await bucketOf();
      assert.equal(worse, 'bad');
      assert.match(
        reason,
        /The lifecycle rule "all" deletes objects 90 days after they were stored: also the only backup/,
      );
      assert.match(remedy ?? '', /Remove its expiration of current objects/);
    } finally {
      client.destroy();
      await locked.close();
    }
  });

  it('reports if this host’s clock and the store’s differ', async () => {
    const date = new Date(Date.now() - 200_000).toUTCString();
    proxy.inject({ kind: 'header', name: 'Date', value: date });
    const [level, finding, remedy] = (await doctor(s3, good)).clock;
    assert.equal(level, 'warn');
    assert.match(finding, /^This host's clock is 2\d\d s ahead of the store's$/);
    assert.match(remedy ?? '', /systemd-timesyncd/);
  });

  it('distinguishes a store that does not respond from one that refuses, within its deadline', async () => {
    proxy.inject({ kind: 'answer', status: 503 });
    const { code, credentials } = await doctor(s3, good);
    assert.equal(code, 1);
    assert.equal(credentials[0], 'bad');
    assert.equal(credentials[2], undefined);
  });
});

describe('doctor, on Swift', () => {
  const { user, key } = radosgw.swift;
  const login = { ST_AUTH: `${proxy.url}/auth/v1.0`, ST_USER: user, ST_KEY: key };

  it('distinguishes refused credentials from a missing container, and finds no problem if there is none', async () => {
    const wrong = await doctor(['swift'], { ...login, ST_KEY: 'a-wrong-key-of-nobody' });
    assert.equal(wrong.credentials[0], 'bad');
    assert.match(wrong.credentials[2] ?? '', /ST_KEY .*in the file set by credentials:/);

    const missing = await doctor(['swift'], login, ['-b', 'nowhere']);
    assert.deepEqual(missing.credentials.slice(0, 2), ['bad', 'swift:nowhere does not exist']);

    const { credentials, clock } = await doctor(['swift'], login);
    assert.equal(credentials[0], 'ok', credentials[1]);
    assert.equal(clock[0], 'ok', clock[1]);
  });

  it('reports that purge stops if the clocks differ too much', async () => {
    proxy.inject({ kind: 'header', name: 'Date', value: new Date(Date.now() + 3_600_000).toUTCString() });
    const { code, clock } = await doctor(['swift'], login);
    assert.deepEqual([code, clock[0]], [1, 'bad']);
    assert.match(clock[1], /^This host's clock is 3[56]\d\d s behind the store's: purges will be stopped$/);
  });
});
