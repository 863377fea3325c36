import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe } from 'node:test';
import { backupKey } from '../../lib/bucket/layout.ts';
import { WhisperBackupError } from '../../lib/common/errors.ts';
import { silent } from '../../lib/common/report.ts';
import { list } from '../../lib/operations/views/list.ts';
import { withRetry } from '../../lib/store/decorators/retry.ts';
import { createSwiftStore } from '../../lib/store/drivers/swift/swift.ts';
import { StoreError } from '../../lib/store/errors.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { listAll, purgeGone, restoreTree, verifyAll } from '../fixtures/operations.ts';
import { casesOf } from '../fixtures/reliability.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { contents, plantTree, readTree } from '../fixtures/tree.ts';
import type { Treat } from '../servers/proxy.ts';
import { keysOf } from '../store/collect.ts';
import { listed, listing, refuse, withFake } from '../store/s3/fake.ts';
import { type Asked, type Said, startFakeSwift } from '../store/swift/fake-swift.ts';
import { within } from './deadline.ts';
import { inMemory } from './memory.ts';

const it = casesOf('hostile');

const MIB = 2 ** 20;
const SHA1 = '3b71f43ff30f4b15b5cd85dd9e95ebc7e84eb5a3';
const END = '<IsTruncated>false</IsTruncated>';
const MORE = '<IsTruncated>true</IsTruncated>';

/** The key of the n-th metric's only backup. */
function keyOf(n: number, root = ''): string {
  return backupKey(root, `m${String(n).padStart(9, '0')}`, '2026-11-22T03:14:15+00:00', SHA1, 'gz');
}

/** A store as the program has it, less patient. */
function retried(store: ObjectStore): ObjectStore {
  return withRetry(store, { retryFor: 0.02, deadline: 5, backoff: 0.01 });
}

/** An answer of Swift that lists these objects. */
function page(names: readonly unknown[]): Said {
  const entries = names.map((name) => ({
    name,
    bytes: 1,
    hash: '9dd4e461268c8034f5c8564e155c67a6',
    last_modified: '2026-11-22T03:14:15.123450',
  }));
  return { status: 200, body: JSON.stringify(entries) };
}

async function withSwift(answer: (asked: Asked) => Said, test: (store: ObjectStore) => Promise<void>): Promise<void> {
  await using fake = await startFakeSwift(answer);
  const store = createSwiftStore(fake.options);
  try {
    await test(store);
  } finally {
    await store.close();
  }
}

/**
 * Runs every command that uses a listing, and asserts that each ends with an error that names the problem, or a
 * summary that does.
 */
async function assertAllRefuse(store: ObjectStore): Promise<void> {
  await using scratch = await createScratch();
  await plantTree(scratch.at('tree'), ['kept.wsp']);
  const before = contents(await readTree(scratch.path));
  for (const run of [
    () => listAll(store),
    () => restoreTree(store, scratch.at('tree')),
    () => purgeGone(store, scratch.at('tree'), { purge: 0 }),
    () => verifyAll(store),
  ]) {
    await assert.rejects(within<unknown>(20, run), (error) => {
      assert.ok(error instanceof WhisperBackupError, `not a typed error: ${error}`);
      assert.ok(error instanceof StoreError, `not a store's error: ${error}`);
      return true;
    });
  }
  assert.deepEqual(contents(await readTree(scratch.path)), before);
}

describe('an invalid listing of S3', () => {
  const laughs = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join('');
  const entry = (key: string, more = '') =>
    `<Contents><Key>${key}</Key><LastModified>2026-11-22T03:14:15.000Z</LastModified><Size>1</Size>${more}</Contents>`;
  const bodies: Readonly<Record<string, string | Uint8Array>> = {
    'a page of a proxy': '<html><body>Log in to the guest network</body></html>',
    'cut in a tag': `<ListBucketResult>${END}<Contents><Ke`,
    'cut behind an object': `<ListBucketResult>${END}${listed('a')}`,
    'full of entities that grow': `<!DOCTYPE x [<!ENTITY l0 "lol">${laughs}]><ListBucketResult>${END}${listed('&l9;')}</ListBucketResult>`,
    'about a file of this host': `<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><ListBucketResult>${END}${listed('&f;')}</ListBucketResult>`,
    'of sizes that are none': `<ListBucketResult>${END}${entry('a').replace('>1<', '>many<')}</ListBucketResult>`,
    'of a huge size': `<ListBucketResult>${END}${entry('a').replace('>1<', `>${'9'.repeat(400)}<`)}</ListBucketResult>`,
    'of negative sizes': `<ListBucketResult>${END}${entry('a').replace('>1<', '>-1<')}</ListBucketResult>`,
    'of times that are none': `<ListBucketResult>${END}${entry('a').replace('2026-11', '2026-99')}</ListBucketResult>`,
    'of objects without a name': `<ListBucketResult>${END}<Contents><Size>1</Size></Contents></ListBucketResult>`,
    'nested deeply': `<ListBucketResult>${END}${'<a>'.repeat(20_000)}</ListBucketResult>`,
    'not UTF-8': Uint8Array.from([0xff, 0xfe, 0x00, 0x3c, 0xd8]),
    JSON: '{"IsTruncated": false}',
  };
  for (const [what, body] of Object.entries(bodies)) {
    it(`(${what}) ends every command with an error, in little memory`, () =>
      withFake(
        listingsOnly((answer) => answer.writeHead(200, { 'content-type': 'application/xml' }).end(body)),
        (store) => inMemory(256 * MIB, () => assertAllRefuse(retried(store))),
      ));
  }

  it('is read quickly, however large a page is and whatever its objects lack', () => {
    const object =
      '<Contents><Key>a</Key><Size>1</Size><LastModified>2026-11-22T03:14:15.000Z</LastModified></Contents>';
    const body = `<ListBucketResult>${END}${object.repeat(40_000)}</ListBucketResult>`;
    return withFake(
      (_, answer) => answer.writeHead(200).end(body),
      async (store) => assert.equal((await within(10, () => keysOf(store))).length, 40_000),
    );
  });

  it('is rejected if a page exceeds every valid size', () =>
    withFake(
      (_, answer) => drip(answer, Buffer.alloc(MIB, ' '), 200),
      (store) => inMemory(512 * MIB, () => assert.rejects(keysOf(store), { code: 'TOO_LARGE' })),
    ));

  it('yields no keys outside the requested prefix, so that none is restored or deleted', () =>
    withFake(
      (seen, answer) => {
        if (seen.method === 'GET') listing(answer, listed(keyOf(1, 'web01/')) + listed(keyOf(2, 'web02/')), END);
        else answer.writeHead(204).end();
      },
      async (store, server) => {
        await using scratch = await createScratch();
        await scratch.directory('tree');
        for (const place of [{ storagePath: 'web01' }, { storagePath: 'web02' }]) {
          const found = await listAll(store, place);
          assert.deepEqual(
            found.map(({ key }) => key),
            [place.storagePath === 'web01' ? keyOf(1, 'web01/') : keyOf(2, 'web02/')],
          );
        }
        await purgeGone(store, scratch.at('tree'), { purge: 0, storagePath: 'web01' }).catch(() => undefined);
        const named = server.seen.filter(({ method, url }) => method !== 'GET' || !url.includes('list-type'));
        for (const { url, body } of named) assert.doesNotMatch(url + Buffer.from(body).toString(), /web02/);
      },
    ));

  it('yields no keys before the requested one', () =>
    withFake(
      (_, answer) => listing(answer, listed('a') + listed('b') + listed('c'), END),
      async (store) => assert.deepEqual(await keysOf(store, { startAfter: 'b' }), ['c']),
    ));
});

describe('an endless listing of S3', () => {
  const token = '<NextContinuationToken>t</NextContinuationToken>';

  it('that repeats pages ends every command with an error', () => {
    const rounds: readonly (readonly number[][])[] = [[[1, 2]], [[1], [2], [3]], [[1, 2, 3], [2]]];
    return withFake(
      (_, answer) => answer.end(),
      async (store, server) => {
        for (const round of rounds) {
          let asked = 0;
          server.treat = listingsOnly((answer) => {
            const keys = round[asked++ % round.length] ?? [];
            listing(answer, keys.map((n) => listed(keyOf(n))).join(''), `${MORE}${token}`);
          });
          await assertAllRefuse(retried(store));
        }
      },
    );
  });

  it('of empty pages ends with an error', () =>
    withFake(
      // With a delay, so that the current request has arrived completely when the store aborts it.
      (_, answer) => setTimeout(listing, 20, answer, '', `${MORE}${token}`),
      (store) =>
        assert.rejects(
          within(10, () => keysOf(withRetry(store, { retryFor: 0.02, deadline: 1, backoff: 0.01 }))),
          StoreError,
        ),
    ));

  it('of new keys can be interrupted, and uses constant memory', async () => {
    let from = 0;
    const next = () => Array.from({ length: 1000 }, () => keyOf(from++));
    const isSlashed = (url: string) => url.includes('prefix=');
    const pageOfS3 = () =>
      next()
        .map((key) => listed(key))
        .join('');
    const cases = [
      (test: (store: ObjectStore) => Promise<void>) =>
        withFake(
          ({ url }, answer) => (isSlashed(url) ? listing(answer, '') : listing(answer, pageOfS3(), `${MORE}${token}`)),
          test,
        ),
      (test: (store: ObjectStore) => Promise<void>) => withSwift(({ url }) => page(isSlashed(url) ? [] : next()), test),
    ];
    for (const withEndless of cases) {
      await withEndless(async (store) => {
        const controller = new AbortController();
        const reason = new Error('enough');
        let seen = 0;
        const run = async () => {
          for await (const _ of list(retried(store), { report: silent, signal: controller.signal })) {
            if (++seen === 60_000) controller.abort(reason);
          }
        };
        await inMemory(192 * MIB, () => assert.rejects(within(30, run), (error) => error === reason));
        assert.equal(seen, 60_000);
      });
    }
  });
});

describe('an invalid listing of Swift', () => {
  const entry = JSON.stringify({ name: 'a', bytes: 1, last_modified: '2026-11-22T03:14:15' });
  const bodies: Readonly<Record<string, string | Uint8Array>> = {
    'nested deeply': `[${'['.repeat(1_000_000)}`,
    'of objects that are none': `[${'1,'.repeat(2_000_000)}1]`,
    'of a huge size': `[${entry.replace('1,', '1e400,')}]`,
    'of a fraction of a size': `[${entry.replace('1,', '1.5,')}]`,
    'of an empty name': `[${entry.replace('"a"', '""')}]`,
    'of a time beyond all': `[${entry.replace('2026', '+999999')}]`,
    'of directories': '[{"subdir": "a/"}]',
    'with a prototype': '{"__proto__": [], "length": 1}',
    XML: '<?xml version="1.0"?><container name="x"/>',
  };
  for (const [what, body] of Object.entries(bodies)) {
    it(`(${what}) ends every command with an error, in little memory`, () =>
      withSwift(
        ({ url }) => (url.includes('format=json') ? { status: 200, body } : { status: 404 }),
        (store) => inMemory(384 * MIB, () => assertAllRefuse(retried(store))),
      ));
  }

  it('yields the last of repeated objects', () =>
    withSwift(onePage({ status: 200, body: `[${entry.replace('{', '{"name": "b", "bytes": -1,')}]` }), async (store) =>
      assert.deepEqual(await keysOf(store), ['a']),
    ));

  it('rejects lone surrogates', () =>
    withSwift(onePage({ status: 200, body: `[${entry.replace('"a"', '"a\\ud800b"')}]` }), async (store) => {
      const summary = await verifyAll(retried(store));
      assert.equal(summary.counts['foreignKeys'], 1);
    }));
});

/** Answers listings so, and has no objects. */
function listingsOnly(list: (answer: ServerResponse) => unknown): Treat {
  return (seen, answer) => {
    if (seen.method === 'GET' && seen.url.includes('list-type')) list(answer);
    else refuse(answer, 404, 'NoSuchKey');
  };
}

/** Gives this page, and an empty one behind it. */
function onePage(said: Said): (asked: Asked) => Said {
  return ({ url }) => (/marker=|prefix=/.test(url) ? page([]) : said);
}

/** Sends a chunk that many times, unless the client closes the connection. */
function drip(answer: ServerResponse, chunk: Uint8Array, times: number): void {
  answer.writeHead(200, { 'content-type': 'application/xml' });
  const send = (left: number): void => {
    if (left === 0) answer.end();
    else if (!answer.destroyed) answer.write(chunk, () => send(left - 1));
  };
  send(times);
}
