import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import { updateMany } from '../../lib/whisper/update.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, readTree } from '../fixtures/tree.ts';
import { type Ended, run } from '../scripts/cli/program.ts';
import { ownBucket, sharedRadosgw } from '../servers/shared.ts';
import { s3Client, versionsOf } from './versioned-bucket.ts';

const METRICS = ['servers/web01/cpu', 'servers/web01/load%2E1', 'servers/web02/cpu', 'stats/é+ü'];
const BUCKET = ownBucket('attacked');

const scratch = await createScratch();
const radosgw = await sharedRadosgw();
const client = s3Client(radosgw);
after(async () => {
  client.destroy();
  await radosgw.stop();
  await scratch[Symbol.asyncDispose]();
});

const storage = ['s3', 'us-east-1', `endpoint=${radosgw.s3.endpoint}`];
const env = { AWS_ACCESS_KEY_ID: radosgw.s3.accessKeyId, AWS_SECRET_ACCESS_KEY: radosgw.s3.secretAccessKey };

function program(words: readonly string[], more: readonly string[] = []): Promise<Ended> {
  return run([...words, ...storage, ...more, '--nolog', '--nolock', '--nostamp', '--json', '-b', BUCKET], { env });
}

async function succeed(words: readonly string[], more: readonly string[] = []): Promise<string> {
  const { code, stdout, stderr } = await program(words, more);
  assert.equal(code, 0, `${words[0]}: ${stderr}`);
  return stdout;
}

describe('a bucket with locked objects, after someone with full credentials overwrote and deleted everything', () => {
  const tree = scratch.at('tree');
  const lock = ['lock-mode=compliance', 'lock-days=1', '-p', tree];
  let moment = '';
  let listed = '';
  let shown = '';

  before(async () => {
    const now = Math.floor(Date.now() / 1000);
    for (const [i, path] of METRICS.entries()) {
      await plantMetric(tree, path, metricFile(i, { now: now - 120 }));
    }
    await succeed(['backup'], lock);
    for (const [i, path] of METRICS.entries()) {
      const bytes = new Uint8Array(await readFile(`${tree}/${path}.wsp`));
      updateMany(bytes, [{ timestamp: now, value: i }], { now });
      await writeFile(`${tree}/${path}.wsp`, bytes);
    }
    const journal = JSON.parse(await succeed(['journal'], lock));
    assert.equal(journal.counts.metrics, METRICS.length);
    listed = await succeed(['list']);
    shown = await succeed(['show', 'servers.web01.cpu']);
    // Times of versions may be whole seconds.
    await sleep(1100);
    moment = new Date().toISOString();
    await sleep(1100);
    await attack();
  });

  async function attack(): Promise<void> {
    const versions = await versionsOf(client, BUCKET);
    assert.ok(versions.length > METRICS.length);
    const suspend = { Bucket: BUCKET, VersioningConfiguration: { Status: 'Suspended' } } as const;
    await assert.rejects(client.send(new PutBucketVersioningCommand(suspend)));
    for (const { Key, VersionId } of versions) {
      const its = { Bucket: BUCKET, Key, VersionId };
      const Retention = { Mode: 'COMPLIANCE', RetainUntilDate: new Date(Date.now() + 1000) } as const;
      await assert.rejects(client.send(new PutObjectRetentionCommand({ ...its, Retention })), Key);
      const bypassed = { ...its, BypassGovernanceRetention: true };
      await assert.rejects(client.send(new DeleteObjectCommand(bypassed)), { name: 'AccessDenied' }, Key);
      await client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: 'encrypted: pay' }));
      await client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key }));
    }
  }

  it('has no backups any more', async () => {
    const { code, stderr } = await program(['list']);
    assert.equal(code, 1);
    assert.match(stderr, /Nothing to list/);
  });

  it('is listed as of the moment before', async () => {
    assert.equal(await succeed(['list', '--as-of', moment]), listed);
  });

  it('is listed up to a date, as of the moment before', async () => {
    assert.equal(await succeed(['list', '--as-of', moment, '--date', moment]), listed);
    const { code, stderr } = await program(['list', '--as-of', moment, '--date', '2020-01-01']);
    assert.equal(code, 1);
    assert.match(stderr, /has no backup that matches --date 2020-01-01/);
  });

  it('is restored as of the moment before, byte for byte, with its journal', async () => {
    const copy = scratch.at('copy');
    const { counts } = JSON.parse(await succeed(['restore', '--as-of', moment], ['-p', copy]));
    assert.equal(counts.restored, METRICS.length);
    assert.ok(counts.pointsReplayed >= METRICS.length);
    assert.deepEqual(contents(await readTree(copy)), contents(await readTree(tree)));
  });

  it('is verified as of the moment before', async () => {
    const { counts } = JSON.parse(await succeed(['verify', '--read-data', '--as-of', moment]));
    assert.equal(counts.damaged, 0);
    assert.equal(counts.metrics, METRICS.length);
  });

  it('shows a metric as of the moment before', async () => {
    assert.equal(await succeed(['show', 'servers.web01.cpu', '--as-of', moment]), shown);
  });

  it('is empty as of a time before it existed', async () => {
    const { code, stderr } = await program(['list', '--as-of', '2020-01-01']);
    assert.equal(code, 1, stderr);
  });
});
