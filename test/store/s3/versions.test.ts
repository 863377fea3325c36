import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { type VersionMarker, versionsAt } from '../../../lib/store/drivers/s3/versions.ts';
import { DeniedError, PermanentError, TransientError } from '../../../lib/store/errors.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import type { Treat } from '../../servers/proxy.ts';
import { keysOf, text } from '../collect.ts';
import { refuse, withFake } from './fake.ts';

const NOON = new Date('2026-11-22T12:00:00Z');
const [BEFORE, AFTER] = ['2026-11-22T11:59:59.000Z', '2026-11-22T12:00:01.000Z'];

function version(key: string, id: string, modified = BEFORE): string {
  return `<Version><Key>${key}</Key><VersionId>${id}</VersionId><LastModified>${modified}</LastModified><ETag>&quot;x&quot;</ETag><Size>1</Size><Owner><ID>o</ID></Owner></Version>`;
}

function marker(key: string, id: string, modified = BEFORE): string {
  return `<DeleteMarker><Key>${key}</Key><VersionId>${id}</VersionId><LastModified>${modified}</LastModified></DeleteMarker>`;
}

function page(entries: readonly string[], next?: readonly [string, string]): string {
  const more = next
    ? `<NextKeyMarker>${next[0]}</NextKeyMarker><NextVersionIdMarker>${next[1]}</NextVersionIdMarker>`
    : '';
  return `<?xml version="1.0"?><ListVersionsResult xmlns="x"><IsTruncated>${next !== undefined}</IsTruncated>${more}<EncodingType>url</EncodingType>${entries.join('')}</ListVersionsResult>`;
}

function select(xml: string, from?: VersionMarker) {
  const { Contents, next } = versionsAt(xml, NOON, from, 'list it');
  return { found: Contents.map(({ Key, VersionId }) => [Key, VersionId]), next };
}

describe('the versions of a bucket at a moment', () => {
  it('are the newest of each key until then', () => {
    const entries = [version('a', '3', AFTER), version('a', '2'), version('a', '1'), version('b', '1', AFTER)];
    assert.deepEqual(select(page(entries)), { found: [['a', '2']], next: undefined });
  });

  it('include one of the very moment', () => {
    assert.deepEqual(select(page([version('a', '1', '2026-11-22T12:00:00.000Z')])).found, [['a', '1']]);
  });

  it('do not include a key that was deleted, but one that was deleted later or stored again', () => {
    const entries = [
      ...[marker('a', '2'), version('a', '1')],
      ...[marker('b', '2', AFTER), version('b', '1')],
      ...[version('c', '3'), marker('c', '2'), version('c', '1')],
    ];
    assert.deepEqual(select(page(entries)).found, [
      ['b', '1'],
      ['c', '3'],
    ]);
  });

  it('are in the order of the listing if their times are equal', () => {
    assert.deepEqual(select(page([marker('a', '2'), version('a', '1')])).found, []);
    assert.deepEqual(select(page([version('a', '2'), marker('a', '1')])).found, [['a', '2']]);
  });

  it('continue behind a key that is decided, without its older versions', () => {
    const { found, next } = select(page([version('a', '2'), version('a', '1')], ['a', '1']));
    assert.deepEqual(found, [['a', '2']]);
    assert.deepEqual(next, { key: 'a', decided: 'a' });
  });

  it('continue within a key of which there were only later versions', () => {
    const { found, next } = select(page([version('a', '3', AFTER), version('a', '2', AFTER)], ['a', '2']));
    assert.deepEqual([found, next], [[], { key: 'a', version: '2' }]);
    assert.deepEqual(select(page([version('a', '1')]), { key: 'a', version: '2' }).found, [['a', '1']]);
  });

  it('are not selected twice by a store whose next page begins with the key of the marker', () => {
    const from = { key: 'a', decided: 'a' };
    assert.deepEqual(select(page([version('a', '2'), version('a', '1'), version('b', '1')]), from).found, [['b', '1']]);
    const { found, next } = select(page([version('a', '2'), version('a', '1')], ['a', '1']), from);
    assert.deepEqual([found, next], [[], { key: 'a', version: '1', decided: 'a' }]);
  });

  for (const [name, xml] of [
    ['the page of a proxy', '<html>Back soon</html>'],
    ['cut off', page([version('a', '1')]).slice(0, -9)],
    ['without a time', page(['<Version><Key>a</Key><VersionId>1</VersionId></Version>'])],
    ['a listing of objects', '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'],
  ] as const) {
    it(`are requested again if the response is ${name}`, () => {
      assert.throws(() => select(xml), TransientError);
    });
  }
});

describe('a bucket of S3 as of a moment', () => {
  const asOf = NOON;
  const list = (answer: ServerResponse, body: string) => answer.writeHead(200).end(body);

  it('is read with one request for a listed object, and two for another', () =>
    withFake(
      ({ url }, answer) => {
        if (url.includes('versions=')) list(answer, page([version('a', 'v 1')]));
        else answer.writeHead(200).end('x');
      },
      async (store, server) => {
        assert.equal(text(await store.get('a', { maxBytes: 1, version: 'v 1' })), 'x');
        assert.equal(server.seen.length, 1);
        assert.match(server.seen[0]?.url ?? '', /\/a\?versionId=v%201$/);
        assert.equal(text(await store.get('a', { maxBytes: 1 })), 'x');
        assert.equal(server.seen.length, 3);
        // A piece of the same object.
        assert.equal(text(await store.get('a', { maxBytes: 1 })), 'x');
        assert.equal(server.seen.length, 4);
      },
      { asOf },
    ));

  it('is listed from page to page, with keys that are encoded', () => {
    const pages = [
      page([version('a%2Bb+c', '9', AFTER)], ['a%2Bb+c', '9']),
      page([version('a%2Bb+c', '8')], ['a%2Bb+c', '8']),
      page([version('b', '1')]),
    ];
    return withFake(
      (_seen, answer) => list(answer, pages.shift() ?? ''),
      async (store, { seen }) => {
        assert.deepEqual(await keysOf(store), ['a+b c', 'b']);
        const markers = seen.map(({ url }) => {
          const { searchParams } = new URL(url, 'http://fake');
          return [searchParams.get('key-marker'), searchParams.get('version-id-marker')];
        });
        assert.deepEqual(markers, [
          [null, null],
          ['a+b c', '9'],
          ['a+b c', null],
        ]);
      },
      { asOf },
    );
  });

  it('is not listed for ever if the store repeats a page', () =>
    withFake(
      (_seen, answer) => list(answer, page([version('a', '1', AFTER)], ['a', '1'])),
      async (store) =>
        assert.rejects(keysOf(store), (error) => {
          assert.ok(error instanceof PermanentError, String(error));
          assert.match(error.message, /repeats itself/);
          return true;
        }),
      { asOf },
    ));

  it('names the permissions that it needs', async () => {
    const isDenied = (error: unknown) => {
      assert.ok(error instanceof DeniedError, String(error));
      assert.match(error.message, /Allow s3:GetBucketVersioning, s3:ListBucketVersions and s3:GetObjectVersion$/);
      return true;
    };
    for (const refused of ['versioning=', 'versions=']) {
      const treat: Treat = ({ url }, answer) => {
        if (url.includes(refused)) return refuse(answer, 403, 'AccessDenied');
        if (url.includes('versioning=')) return list(answer, '<V><Status>Enabled</Status></V>');
        return list(answer, '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>');
      };
      const read = async (store: ObjectStore) => {
        await store.open({ create: false });
        await keysOf(store);
      };
      await withFake(treat, (store) => assert.rejects(read(store), isDenied), { asOf });
    }
  });
});
