import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pMap from 'p-map';
import { compareKeys } from '../../lib/common/order.ts';
import { createS3Store, type S3StoreOptions } from '../../lib/store/drivers/s3/s3.ts';
import { createSwiftStore } from '../../lib/store/drivers/swift/swift.ts';
import { BucketMissingError, DeniedError, PermanentError, TransientError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { startForwardProxy } from '../servers/forward-proxy.ts';
import { startProxy } from '../servers/proxy.ts';
import { type Radosgw, startRadosgw } from '../servers/radosgw.ts';
import { bytes, collect, keysOf, text } from './collect.ts';
import { conformance } from './conformance.ts';

let radosgw: Radosgw;
before(async () => {
  radosgw = await startRadosgw();
});
after(() => radosgw.stop());

let buckets = 0;

/** A store on radosgw, by default with a bucket of its own that is not there yet. */
function storeWith(options: Partial<S3StoreOptions> = {}): ObjectStore {
  const { endpoint, accessKeyId, secretAccessKey } = radosgw.s3;
  return createS3Store({ bucket: `test-${++buckets}`, endpoint, accessKeyId, secretAccessKey, ...options });
}

/** Runs a test with a store whose bucket is there. */
async function withStore(test: (store: ObjectStore) => Promise<void>, options?: Partial<S3StoreOptions>) {
  const store = storeWith(options);
  try {
    await store.open({ create: true });
    await test(store);
  } finally {
    await store.close();
  }
}

conformance('S3 on radosgw', async () => ({ store: storeWith(), missing: storeWith(), dispose: async () => {} }));

conformance(
  "Swift's API on radosgw",
  async () => {
    const { auth: authUrl, user, key } = radosgw.swift;
    const auth = { method: 'v1', authUrl, user, key } as const;
    const make = () => createSwiftStore({ container: `test-${++buckets}`, auth, pageSize: 150 });
    return { store: make(), missing: make(), dispose: async () => {} };
  },
  { objects: 500 },
);

describe('S3 on radosgw', () => {
  it('refuses wrong credentials for every request', async () => {
    await withStore(async (store) => {
      const bucket = store.name.slice('s3:'.length);
      for (const credentials of [
        { secretAccessKey: 'hunter2' },
        { accessKeyId: 'nobody', secretAccessKey: 'hunter2' },
        radosgw.s3.other,
      ]) {
        const refused = storeWith({ bucket, ...credentials });
        for (const call of [
          () => refused.open({ create: true }),
          () => refused.open({ create: false }),
          () => keysOf(refused),
          () => refused.get('a', { maxBytes: 1 }),
          () => refused.put('a', bytes('x')),
          () => refused.clock(),
        ]) {
          await assert.rejects(call, (error) => {
            assert.ok(error instanceof DeniedError, String(error));
            assert.doesNotMatch(String(error.message), /hunter2|testsecret|othersecret/);
            return true;
          });
        }
        for (const keys of [['a'], ['a', 'b']]) {
          const failures = await refused.delete(keys).catch((error) => keys.map((key) => ({ key, error })));
          assert.deepEqual(
            failures.map(({ key }) => key),
            keys,
          );
          for (const { error } of failures) assert.ok(error instanceof DeniedError, String(error));
        }
        await refused.close();
      }
    });
  });

  it('does not use the bucket of another user', async () => {
    await withStore(async (store) => {
      const theirs = storeWith({ bucket: store.name.slice('s3:'.length), ...radosgw.s3.other });
      await assert.rejects(theirs.open({ create: true }), DeniedError);
      await theirs.close();
    });
  });

  it('names a missing bucket, and does not create it by default', async () => {
    const store = storeWith({ bucket: 'not-there' });
    for (const call of [
      () => store.open({ create: false }),
      () => store.clock(),
      () => keysOf(store),
      () => store.get('a', { maxBytes: 1 }),
      () => store.put('a', bytes('x')),
      () => store.delete(['a']),
      () => store.delete(['a', 'b']),
    ]) {
      await assert.rejects(call, (error) => {
        assert.ok(error instanceof BucketMissingError, String(error));
        assert.match(error.message, /^Cannot .*s3:not-there.*: the bucket does not exist \(NoSuchBucket, HTTP 404\)$/);
        return true;
      });
    }
    await store.close();
  });

  for (const checksums of ['auto', 'always', 'never'] as const) {
    it(`is accessible with TLS and a CA bundle, checksums ${checksums}`, async () => {
      const { tlsEndpoint, caBundle } = radosgw.s3;
      const everything = async (store: ObjectStore) => {
        const large = new Uint8Array(9_000_000).fill(7);
        for (const body of [new Uint8Array(0), bytes('x'), large]) {
          await store.put('a+b', body);
          assert.ok(Buffer.from(body).equals(await store.get('a+b', { maxBytes: body.length })));
        }
        await store.put('c', bytes('x'));
        assert.deepEqual(await store.delete(await keysOf(store)), []);
        assert.deepEqual(await keysOf(store), []);
      };
      await withStore(everything, { endpoint: tlsEndpoint, caBundle, checksums });
    });
  }

  it('is reached through a proxy, with TLS and without', async () => {
    await using proxy = await startForwardProxy('user:hunter2');
    const { tlsEndpoint, caBundle } = radosgw.s3;
    const proxies = { http: proxy.url, https: proxy.url };
    for (const options of [{ proxies }, { proxies, endpoint: tlsEndpoint, caBundle }]) {
      await withStore(async (store) => {
        await store.put("a + b/!'()*", bytes('x'));
        assert.equal(text(await store.get("a + b/!'()*", { maxBytes: 1 })), 'x');
        assert.deepEqual(await store.delete(await keysOf(store)), []);
      }, options);
    }
    assert.ok(proxy.seen.some((line) => line.startsWith('PUT http://127.0.0.1:')));
    assert.ok(proxy.seen.includes(`CONNECT ${new URL(tlsEndpoint).host}`));
  });

  it('does not trust a certificate of an unknown authority', () =>
    assert.rejects(storeWith({ endpoint: radosgw.s3.tlsEndpoint }).open({ create: false }), (error) => {
      assert.ok(error instanceof PermanentError, String(error));
      assert.match(error.message, /certificate of the store is not trusted; set a CA bundle/);
      return true;
    }));

  it('deletes in batches for any name', () =>
    withStore(async (store) => {
      const odd = [
        ' lead',
        'trail ',
        'a+b',
        'a%2Bb',
        'tab\t',
        'c\rr',
        'c\r\nr',
        'n\nn',
        '<&>"\'',
        '\x01',
        '\x7f',
        '\x85',
      ];
      const more = [
        '\u2028',
        '\ufffd',
        '😀',
        '/slash',
        '//',
        'a//b',
        'a/./b',
        'a/../b',
        '.',
        '..',
        '../..',
        '?x#y',
        'a\\b',
      ];
      const keys = [...odd, ...more];
      for (const key of keys) {
        await store.put(key, bytes(key));
        assert.equal(text(await store.get(key, { maxBytes: 100 })), key);
      }
      const listed = await keysOf(store);
      assert.deepEqual(listed, [...keys].sort(compareKeys));
      assert.deepEqual(await store.delete(keys), []);
      assert.deepEqual(await keysOf(store), []);
    }));

  it('lists the MD5 of each object', () =>
    withStore(async (store) => {
      await store.put('a', bytes('x'));
      assert.equal((await collect(store))[0]?.md5, '9dd4e461268c8034f5c8564e155c67a6');
    }));

  it('stores with a class, tags and no checksums on request', () =>
    withStore(
      async (store) => {
        await store.put('a', bytes('x'));
        assert.equal(text(await store.get('a', { maxBytes: 1 })), 'x');
      },
      { storageClass: 'STANDARD', tags: { host: 'web 01', 'a+b': 'c&d=é' }, checksums: 'never' },
    ));

  it('continues after the gateway was killed and restarted', () =>
    withStore(async (store) => {
      await store.put('a', bytes('kept'));
      await radosgw.kill();
      await assert.rejects(store.get('a', { maxBytes: 10 }), TransientError);
      await assert.rejects(store.put('b', bytes('x')), TransientError);
      await radosgw.start();
      // A connection that died meanwhile may be found out by the first request.
      await store.get('a', { maxBytes: 10 }).catch(() => {});
      assert.equal(text(await store.get('a', { maxBytes: 10 })), 'kept');
    }));
});

describe('S3 requests at radosgw', () => {
  it('are one to put, one to get, one to list 1,000 and one to delete 1,000', async () => {
    const proxy = await startProxy(radosgw.s3.endpoint);
    const direct = storeWith();
    const store = storeWith({ endpoint: proxy.url, bucket: direct.name.slice('s3:'.length) });
    try {
      await store.open({ create: true });
      assert.deepEqual(proxy.take(), ['GET list', 'PUT bucket']);
      await store.open({ create: true });
      assert.deepEqual(proxy.take(), ['GET list']);

      const keys = Array.from({ length: 2500 }, (_, i) => `k/${i}`);
      await pMap(keys, (key) => direct.put(key, bytes(key)), { concurrency: 16 });
      await store.put('k/7', bytes('seven'));
      assert.deepEqual(proxy.take(), ['PUT object']);
      assert.equal(text(await store.get('k/7', { maxBytes: 10 })), 'seven');
      assert.deepEqual(proxy.take(), ['GET object']);

      assert.equal((await keysOf(store)).length, 2500);
      assert.deepEqual(proxy.take(), ['GET list', 'GET list', 'GET list']);
      assert.equal((await keysOf(store, { startAfter: 'k/1', endBefore: 'k/12' })).length, 222);
      assert.deepEqual(proxy.take(), ['GET list']);
      await store.clock();
      assert.deepEqual(proxy.take(), ['GET list']);
      await store.flush();
      assert.deepEqual(proxy.take(), []);

      assert.deepEqual(await store.delete(keys.slice(0, 1002)), []);
      assert.deepEqual(proxy.take(), ['POST delete', 'POST delete']);
      assert.deepEqual(await keysOf(direct), keys.slice(1002).sort(compareKeys));
    } finally {
      await direct.close();
      await store.close();
      await proxy.stop();
    }
  });
});
