import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, describe } from 'node:test';
import { splitContents } from '../../lib/store/drivers/s3/contents.ts';
import { createS3Store } from '../../lib/store/drivers/s3/s3.ts';
import { createSwiftStore } from '../../lib/store/drivers/swift/swift.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { casesOf } from '../fixtures/reliability.ts';
import { type HttpProxy, startProxy } from '../servers/proxy.ts';
import { collect } from '../store/collect.ts';
import { listed } from '../store/s3/fake.ts';
import { type FakeSwift, startFakeSwift } from '../store/swift/fake-swift.ts';
import { fuzz, inputsTried, typed, typedLater } from './fuzz.ts';
import { mutatedText } from './mutation.ts';

const it = casesOf('fuzz', inputsTried);

/** Checks the fields of every object of a listing. */
async function assertSane(store: ObjectStore, prefix: string): Promise<void> {
  const objects = await typedLater(() => collect(store, { prefix }));
  for (const { key, size, modified, md5 } of objects ?? []) {
    assert.ok(key !== '' && key.startsWith(prefix), JSON.stringify(key));
    assert.ok(Number.isSafeInteger(size) && size >= 0, `size ${size}`);
    assert.ok(!Number.isNaN(modified.getTime()));
    if (md5 !== undefined) assert.match(md5, /^[0-9a-f]{32}$/);
  }
}

const numbers = ['0', '-1', '1e400', '0x10', '9007199254740993', 'NaN', '1.5', ' ', ''];

describe('any response to a listing of S3', () => {
  let server: HttpProxy;
  let store: ObjectStore;
  before(async () => {
    server = await startProxy();
    const credentials = { accessKeyId: 'AKIDTEST', secretAccessKey: 'hunter2secret' };
    store = createS3Store({ bucket: 'backups', endpoint: server.url, ...credentials });
  });
  after(async () => {
    await store.close();
    await server.stop();
  });

  const start =
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">';
  const end = '</ListBucketResult>';
  const sound = [
    `${start}<IsTruncated>false</IsTruncated>${listed('ab')}${listed('ac')}${end}`,
    `${start}<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>${listed('a%2Fb')}${listed('a%20c')}${end}`,
    `${start}<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>${listed('ab')}${end}`,
    '<Error><Code>NoSuchBucket</Code></Error>',
  ];
  const words = [
    ...numbers,
    '<Contents>',
    '</Contents>',
    '<Key>',
    '</Key>',
    '<Size></Size>',
    '<ETag>"x"</ETag>',
    '<![CDATA[',
    ']]>',
    '<!--',
    '-->',
    '<!DOCTYPE x [<!ENTITY a "b">]>',
    '&a;',
    '&amp;',
    '&#0;',
    '&#xD800;',
    '%',
    '%00',
    '%FF',
    '+',
    '<Contents/>',
    '<Contents x="y">',
    '__proto__',
    '<__proto__>',
    '\ufffd',
    listed('a'),
    listed(''),
    '<IsTruncated>maybe</IsTruncated>',
  ];
  const bodies = mutatedText(sound, words);

  it('results in valid objects, or a typed error', () =>
    fuzz(bodies, 1500, (body) => {
      let asked = 0;
      // Endless listings have their own test.
      server.treat = (_, answer: ServerResponse) => answer.writeHead(200).end(asked++ < 3 ? body : sound[0]);
      return assertSane(store, 'a');
    }));

  it('is split into objects without an error, each with all fields', () =>
    fuzz(bodies, 5000, (body) => {
      const split = typed(() => splitContents(Buffer.from(body)));
      for (const { Key, Size, LastModified } of split?.objects ?? []) {
        assert.ok(Key && Size !== undefined && Number.isSafeInteger(Size) && Size >= 0 && LastModified);
      }
    }));
});

describe('any response to a listing of Swift', () => {
  let fake: FakeSwift;
  let store: ObjectStore;
  before(async () => {
    fake = await startFakeSwift();
    store = createSwiftStore(fake.options);
  });
  after(async () => {
    await store.close();
    await fake[Symbol.asyncDispose]();
  });

  const entry = (name: string) =>
    JSON.stringify({
      name,
      bytes: 3,
      hash: 'acbd18db4cc2f85cedef654fccc4a4d8',
      last_modified: '2026-11-22T03:14:15.123450',
    });
  const sound = [`[${entry('ab')},${entry('a/c é')}]`, '[]', `[${entry('ab').replace('"hash"', '"subdir"')}]`, ''];
  const words = [
    ...numbers,
    '[',
    ']',
    '{',
    '}',
    ',',
    '"',
    ':',
    'null',
    'true',
    '"name":',
    '"bytes":',
    '"__proto__":',
    '\\u0000',
    '\\ud800',
    '\\',
    entry('a'),
    '+02:00',
  ];

  it('results in valid objects, or a typed error', () =>
    fuzz(mutatedText(sound, words), 2500, (body) => {
      let asked = 0;
      fake.behaviour = () => ({ status: 200, body: asked++ < 3 ? body : '[]' });
      return assertSane(store, 'a');
    }));
});
