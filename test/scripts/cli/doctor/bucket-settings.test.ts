import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type BucketSettings, readBucketSettings } from '../../../../lib/store/drivers/s3/bucket-settings.ts';
import { DeniedError, StoreError } from '../../../../lib/store/errors.ts';
import { judgeSettings, type Rules } from '../../../../scripts/cli/doctor/bucket-settings.ts';
import { startProxy } from '../../../servers/proxy.ts';
import { refuse } from '../../../store/s3/fake.ts';

const SAFE: BucketSettings = { versioning: 'enabled', objectLock: false, lifecycle: [], refused: [] };
const RULES: Rules = {
  deletes: 'allowed',
  retention: 5,
  keepWithin: 0,
  interval: 86_400,
  storagePath: 'web01/',
  storagePathRaw: undefined,
};

function judge(settings: Partial<BucketSettings>, rules: Partial<Rules> = {}, days?: number) {
  const lock = days === undefined ? undefined : ({ mode: 'compliance', days } as const);
  return judgeSettings({ ...SAFE, ...settings }, { ...RULES, ...rules }, lock);
}

const removesOld = { name: 'old', prefix: '', noncurrentDays: 30 };

describe('the settings of a bucket', () => {
  it('are good with versions that are removed later', () => {
    const { level, finding } = judge({ lifecycle: [removesOld] });
    assert.deepEqual([level, finding], ['ok', 'Versioning is on, deleted objects are kept for 30 days more']);
  });

  it('are not good without versions for a host that may overwrite, but not delete', () => {
    assert.equal(judge({ versioning: 'never' }).level, 'ok');
    for (const versioning of ['never', 'suspended'] as const) {
      const { level, finding } = judge({ versioning }, { deletes: 'never' });
      assert.equal(level, 'warn');
      assert.match(finding, /what is overwritten or deleted is lost/);
    }
  });

  it('are bad if a lifecycle rule deletes or archives objects below the storage path', () => {
    for (const prefix of ['', 'web', 'web01/', 'web01/servers']) {
      const rule = { name: 'r', prefix, expires: '30 days after they were stored' };
      assert.equal(judge({ lifecycle: [removesOld, rule] }).level, 'bad', prefix);
    }
    assert.equal(judge({ lifecycle: [removesOld, { name: 'r', prefix: '', archive: 'GLACIER' }] }).level, 'bad');
    const elsewhere = { name: 'r', prefix: 'web02/', expires: 'on 2026-11-22', archive: 'GLACIER' };
    assert.equal(judge({ lifecycle: [removesOld, elsewhere] }).level, 'ok');
  });

  it('are bad if they have no lock for what is to be locked', () => {
    const { level, remedy } = judge({ lifecycle: [removesOld] }, {}, 30);
    assert.equal(level, 'bad');
    assert.match(remedy ?? '', /Use a bucket with object lock/);
  });

  it('tell how long a lock lasts beside retention', () => {
    const locked = { lifecycle: [removesOld], objectLock: true };
    assert.match(judge(locked, {}, 30).finding, /locked for 30 days \(compliance\), longer than about 5 days/);
    assert.match(judge(locked, { keepWithin: 90 }, 30).finding, /older ones of the about 90 days/);
    assert.match(judge(locked, {}, 3).finding, /3 days \(compliance\); older ones of the about 5 days/);
  });

  it('that the store does not report are named, and no failure', async () => {
    const { level, finding } = judge({
      ...{ versioning: undefined, objectLock: undefined, lifecycle: undefined },
      refused: ['s3:GetBucketVersioning'],
    });
    assert.deepEqual(
      [level, finding],
      ['ok', 'The store does not report all its settings: allow s3:GetBucketVersioning to check them'],
    );
  });
});

describe('reading the settings of a bucket', () => {
  async function read(status: number, code: string): Promise<BucketSettings> {
    const server = await startProxy();
    server.treat = (_seen, answer) => refuse(answer, status, code);
    try {
      const keys = { accessKeyId: 'AKIDTEST', secretAccessKey: 'hunter2secret' };
      return await readBucketSettings({ bucket: 'b', endpoint: server.url, ...keys }, AbortSignal.timeout(60_000));
    } finally {
      await server.stop();
    }
  }

  it('goes on where it may not', async () => {
    for (const [status, code] of [
      [403, 'AccessDenied'],
      [501, 'NotImplemented'],
    ] as const) {
      const { versioning, objectLock, lifecycle, refused } = await read(status, code);
      assert.deepEqual([versioning, objectLock, lifecycle, refused.length], [undefined, undefined, undefined, 3]);
    }
  });

  it('fails where the bucket cannot be used', async () => {
    await assert.rejects(
      read(404, 'NoSuchBucket'),
      (error) => error instanceof StoreError && !(error instanceof DeniedError),
    );
    await assert.rejects(read(503, 'SlowDown'), StoreError);
  });
});
