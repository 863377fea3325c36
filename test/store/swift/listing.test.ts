import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSwiftStore } from '../../../lib/store/drivers/swift/swift.ts';
import { PermanentError, TransientError } from '../../../lib/store/errors.ts';
import type { ListRange, StoredObject } from '../../../lib/store/store.ts';
import { collect } from '../collect.ts';
import { type Said, startFakeSwift } from './fake-swift.ts';

const entry = (name: string) => ({
  name,
  bytes: 3,
  hash: 'acbd18db4cc2f85cedef654fccc4a4d8',
  last_modified: '2026-11-22T03:14:15.123450',
  content_type: 'application/octet-stream',
});

const page = (...entries: readonly unknown[]): Said => ({ status: 200, body: JSON.stringify(entries) });

/** Lists with a server that gives these pages, and empty ones afterwards. */
async function listed(pages: readonly Said[], range?: ListRange): Promise<{ objects: StoredObject[]; urls: string[] }> {
  await using fake = await startFakeSwift(() => pages[fake.requests.length - 1] ?? page());
  const store = createSwiftStore(fake.options);
  try {
    return { objects: await collect(store, range), urls: fake.requests.map(({ url }) => url) };
  } finally {
    await store.close();
  }
}

describe('a listing of Swift', () => {
  it('continues by marker until a page is empty, however short the pages are', async () => {
    const { objects, urls } = await listed([page(entry('a'), entry('b é')), page(entry('c'))], { prefix: '' });
    assert.deepEqual(
      objects.map(({ key }) => key),
      ['a', 'b é', 'c'],
    );
    assert.deepEqual(urls, [
      '/v1/AUTH_test/bucket?format=json',
      '/v1/AUTH_test/bucket?format=json&marker=b+%C3%A9',
      '/v1/AUTH_test/bucket?format=json&marker=c',
    ]);
  });

  it('also ends at an empty response', async () => {
    assert.deepEqual((await listed([{ status: 204 }])).objects, []);
  });

  it('has size, MD5 and time, in UTC with or without a zone', async () => {
    const times = ['2026-11-22T03:14:15.123450', '2026-11-22T03:14:15.123Z', '2026-11-22T04:14:15.123+01:00'];
    const { objects } = await listed([page(...times.map((time, i) => ({ ...entry(`${i}`), last_modified: time })))]);
    for (const object of objects) {
      assert.equal(object.size, 3);
      assert.equal(object.md5, 'acbd18db4cc2f85cedef654fccc4a4d8');
      assert.equal(object.modified.toISOString(), '2026-11-22T03:14:15.123Z');
    }
  });

  it('has no MD5 if there is none', async () => {
    const hashes = [undefined, null, '', 'd41d8cd98f00b204e9800998ecf8427e-3', '"quoted"'];
    const { objects } = await listed([page(...hashes.map((hash, i) => ({ ...entry(`${i}`), hash })))]);
    assert.equal(objects.length, hashes.length);
    for (const object of objects) assert.equal('md5' in object, false);
  });

  it('skips keys outside the range if a server ignores its end', async () => {
    const { objects, urls } = await listed([page(...['a', 'b1', 'b2', 'b3', 'c'].map(entry))], {
      prefix: 'b',
      endBefore: 'b3',
    });
    assert.deepEqual(
      objects.map(({ key }) => key),
      ['b1', 'b2'],
    );
    assert.deepEqual(urls, ['/v1/AUTH_test/bucket?format=json&prefix=b&end_marker=b3']);
  });

  it('has nothing before the empty key', async () => {
    assert.deepEqual(await listed([page(entry('a'))], { endBefore: '' }), { objects: [], urls: [] });
  });

  it('fails if it repeats pages', async () => {
    for (const second of [page(entry('a'), entry('b')), page(entry('a')), page(entry('b'))]) {
      await assert.rejects(listed([page(entry('a'), entry('b')), second]), (error) => {
        assert.ok(error instanceof PermanentError);
        assert.match(error.message, /^Cannot list swift:bucket: the listing repeats itself at "[ab]"$/);
        return true;
      });
    }
    await assert.rejects(listed([page(entry('a'))], { startAfter: 'b' }), /repeats itself/);
  });

  const junk: readonly [string, Said][] = [
    ['HTML', { status: 200, body: '<html><body>Log in to the guest network</body></html>' }],
    ['half a page', { status: 200, body: JSON.stringify([entry('a')]).slice(0, -9) }],
    ['no list', { status: 200, body: '{"error": "?"}' }],
    ['an object without a name', page({ ...entry('a'), name: undefined })],
    ['an object without a size', page({ ...entry('a'), bytes: '3' })],
    ['a negative size', page({ ...entry('a'), bytes: -1 })],
    ['no time', page({ ...entry('a'), last_modified: 'yesterday' })],
    ['what is no UTF-8', { status: 200, body: Uint8Array.from([0x5b, 0x22, 0xff, 0x22, 0x5d]) }],
  ];
  for (const [what, answer] of junk) {
    it(`is rejected if it is ${what}`, async () => {
      await assert.rejects(listed([answer]), (error) => {
        assert.ok(error instanceof TransientError);
        assert.match(error.message, /^Cannot list swift:bucket: the response is not a listing of Swift$/);
        return true;
      });
    });
  }
});
