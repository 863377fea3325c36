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
  storagePath: 'web01/',
  storagePathRaw: undefined,
};

function judge(settings: Partial<BucketSettings>, rules: Partial<Rules> = {}, days?: number) {
  const lock = days === undefined ? undefined : ({ mode: 'compliance', days } as const);
  return judgeSettings({ ...SAFE, ...settings }, { ...RULES, ...rules }, lock);
}

const removesOld = { name: 'old', prefix: '', isFiltered: false, noncurrentDays: 30 };

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
      const rule = { name: 'r', prefix, isFiltered: false, expiresDays: 30 };
      assert.equal(judge({ lifecycle: [removesOld, rule] }).level, 'bad', prefix);
    }
    assert.equal(
      judge({ lifecycle: [removesOld, { name: 'r', prefix: '', isFiltered: false, archive: 'GLACIER' }] }).level,
      'bad',
    );
    const elsewhere = { name: 'r', prefix: 'web02/', isFiltered: false, expiresOn: '2026-11-22', archive: 'GLACIER' };
    assert.equal(judge({ lifecycle: [removesOld, elsewhere] }).level, 'ok');
  });

  it('are bad if they have no lock for what is to be locked', () => {
    const { level, remedy } = judge({ lifecycle: [removesOld] }, {}, 30);
    assert.equal(level, 'bad');
    assert.match(remedy ?? '', /Use a bucket with object lock/);
  });

  it('remove old versions only where a rule for all objects of the storage path does', () => {
    for (const rule of [
      { ...removesOld, prefix: 'logs/' },
      { ...removesOld, prefix: 'web01/servers' },
      { ...removesOld, isFiltered: true },
    ]) {
      const { level, finding } = judge({ lifecycle: [rule] });
      assert.equal(level, 'warn');
      assert.match(finding, /no lifecycle rule removes old versions/);
    }
  });

  it('tell how long a lock lasts, also one of the bucket', () => {
    const locked = { lifecycle: [removesOld], objectLock: true };
    assert.match(judge(locked, {}, 1).finding, /Objects are locked for 1 day \(compliance\)/);
    const { finding } = judge({ ...locked, defaultLock: { mode: 'governance', days: 30 } });
    assert.match(finding, /Objects are locked by the bucket for 30 days \(governance\)/);
    assert.match(judge(locked).finding, /lock-mode and lock-days are not set/);
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

  it('knows rules for some objects only, and the lock of the bucket', async () => {
    const server = await startProxy();
    const rules = [
      '<Filter><Tag><Key>temp</Key><Value>1</Value></Tag></Filter><Expiration><Days>1</Days></Expiration>',
      '<Filter><And><Prefix>a/</Prefix><ObjectSizeGreaterThan>1000</ObjectSizeGreaterThan></And></Filter><Expiration><Days>2</Days></Expiration>',
      '<Filter><Prefix></Prefix></Filter><Expiration><Days>3</Days></Expiration>',
    ];
    const rule = (text: string, i: number) => `<Rule><ID>r${i}</ID><Status>Enabled</Status>${text}</Rule>`;
    const lock = '<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Years>1</Years></DefaultRetention></Rule>';
    server.treat = ({ url }, answer) => {
      answer.writeHead(200, { 'content-type': 'application/xml' });
      if (url.includes('lifecycle')) {
        answer.end(`<LifecycleConfiguration>${rules.map(rule).join('')}</LifecycleConfiguration>`);
      } else if (url.includes('object-lock')) {
        answer.end(`<C><ObjectLockEnabled>Enabled</ObjectLockEnabled>${lock}</C>`);
      } else answer.end('<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>');
    };
    try {
      const keys = { accessKeyId: 'AKIDTEST', secretAccessKey: 'hunter2secret' };
      const options = { bucket: 'b', endpoint: server.url, ...keys };
      const settings = await readBucketSettings(options, AbortSignal.timeout(60_000));
      assert.deepEqual(settings.defaultLock, { mode: 'compliance', days: 365 });
      const found = settings.lifecycle?.map(({ prefix, isFiltered, expiresDays }) => [prefix, isFiltered, expiresDays]);
      assert.deepEqual(found, [
        ['', true, 1],
        ['a/', true, 2],
        ['', false, 3],
      ]);
      const filtered = { ...settings, lifecycle: settings.lifecycle?.slice(0, 1) };
      const { level, finding } = judgeSettings(filtered, RULES, undefined);
      assert.equal(level, 'warn');
      assert.match(finding, /"r0" deletes objects that pass its filter 1 day after they were stored/);
    } finally {
      await server.stop();
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
