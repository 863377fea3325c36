import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { S3StoreOptions } from '../../../lib/store/drivers/s3/s3.ts';
import { DeniedError, PermanentError, TransientError } from '../../../lib/store/errors.ts';
import type { Treat } from '../../servers/proxy.ts';
import { bytes } from '../collect.ts';
import { listing, refuse, withFake } from './fake.ts';

const DAY = 86_400_000;
const lock = { mode: 'compliance', days: 30 } as const;
const ENABLED = '<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>';
const REMEDY = /Create a bucket with object lock .*, or remove lock-mode and lock-days$/;

describe('an object that S3 is to lock', () => {
  for (const checksums of ['auto', 'always', 'never'] as const) {
    it(`is put with mode, date and the MD5 that Amazon demands, checksums ${checksums}`, () => {
      const options: Partial<S3StoreOptions> = { lock, checksums };
      return withFake(
        (_seen, answer) => answer.writeHead(200).end(),
        async (store, { seen }) => {
          const before = Date.now();
          await store.put('a', bytes('x'));
          const after = Date.now();
          const headers = seen[0]?.headers ?? {};
          assert.equal(headers['x-amz-object-lock-mode'], 'COMPLIANCE');
          assert.equal(headers['content-md5'], 'ndTkYSaMgDT1yFZOFVxnpg==');
          const until = Date.parse(String(headers['x-amz-object-lock-retain-until-date']));
          assert.ok(until >= before + 30 * DAY && until <= after + 30 * DAY);
        },
        options,
      );
    });
  }

  it('is refused with the remedy if the bucket cannot lock, or the permission is missing', async () => {
    const put = (status: number, code: string) =>
      new Promise<Error>((resolve, reject) => {
        withFake(
          (_seen, answer) => refuse(answer, status, code),
          async (store) => {
            await store.put('a', bytes('x')).catch(resolve);
          },
          { lock },
        ).catch(reject);
      });
    const unlockable = await put(400, 'InvalidRequest');
    assert.ok(unlockable instanceof PermanentError);
    assert.match(unlockable.message, REMEDY);
    const denied = await put(403, 'AccessDenied');
    assert.ok(denied instanceof DeniedError);
    assert.match(denied.message, /s3:PutObjectRetention must be allowed$/);
    assert.ok((await put(503, 'SlowDown')) instanceof TransientError);
  });
});

describe('a bucket whose objects S3 is to lock', () => {
  /** Opens it, with a server that answers this for its object lock. */
  const open = (create: boolean, answerLock: Treat) =>
    withFake(
      (seen, answer, forward) =>
        seen.url.includes('object-lock') ? answerLock(seen, answer, forward) : listing(answer, ''),
      (store) => store.open({ create }),
      { lock },
    );
  const setting =
    (body: string): Treat =>
    (_seen, answer) =>
      answer.writeHead(200).end(body);

  it('is opened if it has object lock, or does not say', async () => {
    await open(true, setting(ENABLED));
    await open(true, (_seen, answer) => refuse(answer, 403, 'AccessDenied'));
    await open(true, (_seen, answer) => refuse(answer, 501, 'NotImplemented'));
  });

  it('is not opened for a backup if it has none', async () => {
    const none: Treat = (_seen, answer) => refuse(answer, 404, 'ObjectLockConfigurationNotFoundError');
    for (const treat of [none, setting('<ObjectLockConfiguration/>')]) {
      await assert.rejects(open(true, treat), (error) => {
        assert.ok(error instanceof PermanentError, String(error));
        assert.match(error.message, REMEDY);
        return true;
      });
    }
    await open(false, none);
  });

  it('is asked again if the store fails', () =>
    assert.rejects(
      open(true, (_seen, answer) => refuse(answer, 503, 'SlowDown')),
      TransientError,
    ));

  it('is created with object lock', () =>
    withFake(
      ({ method, url }, answer) => {
        if (url.includes('object-lock')) answer.writeHead(200).end(ENABLED);
        else if (method === 'PUT') answer.writeHead(200).end();
        else refuse(answer, 404, 'NoSuchBucket');
      },
      async (store, { seen }) => {
        await store.open({ create: true });
        const created = seen.find(({ method }) => method === 'PUT');
        assert.equal(created?.headers['x-amz-bucket-object-lock-enabled'], 'true');
      },
      { lock },
    ));
});
