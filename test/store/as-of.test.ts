import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import pMap from 'p-map';
import { randomFrom } from '../../bench/trees/seeded-random.ts';
import { compareKeys } from '../../lib/common/order.ts';
import { createS3Store } from '../../lib/store/drivers/s3/s3.ts';
import { createSwiftStore } from '../../lib/store/drivers/swift/swift.ts';
import { NotFoundError, PermanentError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { SEED, SEEDED } from '../fixtures/seed.ts';
import { ownBucket, sharedRadosgw, sharedSwift } from '../servers/shared.ts';
import { bytes, collect, keysOf, text } from './collect.ts';
import { s3Client } from './versioned-bucket.ts';

const scratch = await createScratch();
const [radosgw, swift] = await Promise.all([sharedRadosgw(), sharedSwift(await scratch.directory('swift'))]);
const client = s3Client(radosgw);
after(async () => {
  client.destroy();
  await Promise.all([radosgw.stop(), swift.stop()]);
  await scratch[Symbol.asyncDispose]();
});

/** A store with versions. */
interface Kind {
  readonly name: string;
  /** How many versions a page has. */
  readonly page: number;
  create(bucket: string, asOf?: Date): ObjectStore;
  enable(bucket: string): Promise<unknown>;
}

const { endpoint, accessKeyId, secretAccessKey } = radosgw.s3;

const kinds: readonly Kind[] = [
  {
    name: 'S3 on radosgw',
    page: 1000,
    create: (bucket, asOf) => createS3Store({ bucket, endpoint, accessKeyId, secretAccessKey, ...(asOf && { asOf }) }),
    enable: (Bucket) =>
      client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } })),
  },
  {
    name: 'Swift',
    page: 20,
    create: (container, asOf) =>
      createSwiftStore({ container, pageSize: 20, auth: { method: 'v1', ...swift.v1 }, ...(asOf && { asOf }) }),
    async enable(container) {
      const { authUrl, user, key } = swift.v1;
      const { headers } = await fetch(authUrl, { headers: { 'x-auth-user': user, 'x-auth-key': key } });
      const url = `${headers.get('x-storage-url')}/${container}`;
      const token = headers.get('x-auth-token') ?? '';
      const { ok } = await fetch(url, {
        method: 'POST',
        headers: { 'x-auth-token': token, 'x-versions-enabled': 'true' },
      });
      assert.ok(ok);
    },
  },
];

let buckets = 0;

/** Runs a test with a new bucket, and with what returns the same bucket as of a moment. */
async function withBucket(
  { create }: Pick<Kind, 'create'>,
  test: (store: ObjectStore, asOf: (moment: Date) => ObjectStore, bucket: string) => Promise<void>,
): Promise<void> {
  const bucket = ownBucket(`as-of-${++buckets}`);
  const stores: ObjectStore[] = [];
  const make = (moment?: Date) => {
    const store = create(bucket, moment);
    stores.push(store);
    return store;
  };
  try {
    const store = make();
    await store.open({ create: true });
    await test(store, make, bucket);
  } finally {
    for (const store of stores) await store.close();
  }
}

/** A moment between two changes, also for a store that dates versions by the second. */
async function pause(): Promise<Date> {
  await sleep(1100);
  const moment = new Date();
  await sleep(1100);
  return moment;
}

async function stateOf(store: ObjectStore): Promise<Map<string, string>> {
  const state = new Map<string, string>();
  for (const { key, size, version } of await collect(store)) {
    const body = text(await store.get(key, { maxBytes: 100, version }));
    assert.equal(body.length, size);
    assert.equal(text(await store.get(key, { maxBytes: 100 })), body);
    state.set(key, body);
  }
  return state;
}

for (const kind of kinds) {
  describe(`a bucket with versions, read as of a moment, ${kind.name}`, () => {
    it(`has the objects of that moment, whatever happened to them since, ${SEEDED}`, () =>
      withBucket(kind, async (store, asOf, bucket) => {
        const random = randomFrom(SEED);
        const keys = ['a', 'a/b+c', 'a b', 'a%2Bb', 'ab', 'é', "z!'()*&<", 'z/1', 'z/2'];
        const model = new Map<string, string>();
        const moments: { readonly at: Date; readonly state: ReadonlyMap<string, string> }[] = [];
        // The versions of the first round have no name of their own.
        for (let round = 0; round < 4; round++) {
          for (let change = 0; change < 12; change++) {
            const key = keys[Math.floor(random() * keys.length)] ?? '';
            if (random() < 0.3) {
              assert.deepEqual(await store.delete([key]), []);
              model.delete(key);
            } else {
              const body = `${round}-${change}`;
              await store.put(key, bytes(body));
              model.set(key, body);
            }
          }
          if (round === 0) await kind.enable(bucket);
          const state = new Map([...model].sort(([one], [other]) => compareKeys(one, other)));
          moments.push({ at: await pause(), state });
        }
        assert.deepEqual(await store.delete(keys), []);
        for (const { at, state } of moments) {
          const then = asOf(at);
          await then.open({ create: false });
          assert.deepEqual(await stateOf(then), state);
          assert.deepEqual(
            await keysOf(then, { prefix: 'a', startAfter: 'a', endBefore: 'ab' }),
            [...state.keys()].filter((key) => key.startsWith('a') && key !== 'a' && compareKeys(key, 'ab') < 0),
          );
        }
      }));

    it('is listed over many pages, past more later versions of one key than fit into a page', () =>
      withBucket(kind, async (store, asOf, bucket) => {
        await kind.enable(bucket);
        const keys = Array.from({ length: 1.2 * kind.page }, (_, i) => `many/${i}`).sort(compareKeys);
        await pMap(keys, (key) => store.put(key, bytes('old')), { concurrency: 16 });
        for (const body of ['first', 'then']) await store.put('busy', bytes(body));
        const then = asOf(await pause());
        await pMap(Array.from({ length: 1.1 * kind.page }), () => store.put('busy', bytes('later')), {
          concurrency: 16,
        });
        const now = asOf(await pause());
        await store.put('many/7', bytes('new'));
        assert.deepEqual(await keysOf(then), ['busy', ...keys]);
        assert.equal(text(await then.get('busy', { maxBytes: 10 })), 'then');
        assert.equal(text(await then.get('many/7', { maxBytes: 10 })), 'old');
        assert.deepEqual(await keysOf(now), ['busy', ...keys]);
        assert.equal(text(await now.get('busy', { maxBytes: 10 })), 'later');
      }));

    it('does not have what was stored later or deleted before', () =>
      withBucket(kind, async (store, asOf, bucket) => {
        await kind.enable(bucket);
        await store.put('deleted', bytes('x'));
        await store.delete(['deleted']);
        const then = asOf(await pause());
        await store.put('deleted', bytes('again'));
        await store.put('later', bytes('x'));
        assert.deepEqual(await keysOf(then), []);
        for (const key of ['deleted', 'later', 'never']) {
          await assert.rejects(then.get(key, { maxBytes: 10 }), NotFoundError);
        }
      }));

    it('takes no changes', () =>
      withBucket(kind, async (store, asOf, bucket) => {
        await kind.enable(bucket);
        await store.put('a', bytes('x'));
        const then = asOf(new Date());
        await assert.rejects(then.put('a', bytes('y')), /an earlier state of a bucket can only be read/);
        await assert.rejects(then.delete(['a']), /an earlier state of a bucket can only be read/);
        assert.equal(text(await store.get('a', { maxBytes: 10 })), 'x');
      }));

    it('is refused if the bucket never had versions', () =>
      withBucket(kind, async (_store, asOf) => {
        await assert.rejects(asOf(new Date()).open({ create: false }), (error) => {
          assert.ok(error instanceof PermanentError, String(error));
          assert.match(error.message, /versioning was never enabled.* Use --date instead of --as-of$/);
          return true;
        });
      }));
  });
}

describe('a store that locks its objects', () => {
  const lock = { mode: 'governance', days: 1 } as const;
  for (const checksums of ['auto', 'always', 'never'] as const) {
    it(`creates a bucket for it, and overwrites and deletes without removing a version, checksums ${checksums}`, () =>
      withBucket(
        {
          create: (bucket, asOf) =>
            createS3Store({ bucket, endpoint, accessKeyId, secretAccessKey, lock, checksums, ...(asOf && { asOf }) }),
        },
        async (store, asOf) => {
          await store.open({ create: true });
          await store.put('a', bytes('one'));
          const then = asOf(await pause());
          await store.put('a', bytes('two'));
          assert.equal(text(await store.get('a', { maxBytes: 10 })), 'two');
          assert.deepEqual(await store.delete(['a']), []);
          assert.deepEqual(await keysOf(store), []);
          assert.equal(text(await then.get('a', { maxBytes: 10 })), 'one');
        },
      ));
  }

  it('reports a bucket that cannot lock, before a backup and for each object', () =>
    withBucket(
      { create: (bucket) => createS3Store({ bucket, endpoint, accessKeyId, secretAccessKey }) },
      async (_store, _asOf, bucket) => {
        const locking = createS3Store({ bucket, endpoint, accessKeyId, secretAccessKey, lock });
        try {
          const remedy = /Create a bucket with object lock .* or remove lock-mode and lock-days$/;
          for (const call of [() => locking.open({ create: true }), () => locking.put('a', bytes('x'))]) {
            await assert.rejects(call, (error) => {
              assert.ok(error instanceof PermanentError, String(error));
              assert.match(error.message, remedy);
              return true;
            });
          }
          await locking.open({ create: false });
        } finally {
          await locking.close();
        }
      },
    ));
});
