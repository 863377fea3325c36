import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { splitContents } from '../../../lib/store/drivers/s3/contents.ts';
import { keysOf } from '../collect.ts';
import { listed, listing, withFake } from './fake.ts';

describe('the objects of a listing', () => {
  const texts = {
    'in one line': listed('a%2Fb') + listed('c'),
    'with space and elements around and in between': `\n  <Prefix>a</Prefix>\n${listed('a%2Fb').replaceAll('><', '>\n    <')}\n<X/>${listed('c')}\n`,
    'with a comment': `${listed('a%2Fb')}<!-- ${listed('b')} -->${listed('c')}`,
    'in CDATA': listed('a%2Fb') + listed('<![CDATA[c]]>'),
    'with entities': listed('&#97;%2Fb') + listed('c'),
    'with an attribute': listed('a%2Fb') + listed('c').replace('<Key>', '<Key x="y">'),
    'with another attribute': listed('a%2Fb') + listed('c').replace('<Contents>', '<Contents x="y">'),
    'with an owner': listed('a%2Fb').replace('</Size>', '</Size><Owner><ID>Key</ID></Owner>') + listed('c'),
    'with empty elements, and in another order':
      listed('a%2Fb').replace('<Contents>', '<Contents><RestoreStatus/><StorageClass></StorageClass>') +
      listed('c').replace(/(<Key>.*<\/Key>)(.*)<\/Contents>/, '$2$1</Contents>'),
  };
  for (const [name, text] of Object.entries(texts)) {
    it(`are the same ${name}`, () => {
      const start = '<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>';
      return withFake(
        (_, answer) => listing(answer, text, start),
        async (store) => assert.deepEqual(await keysOf(store), ['a/b', 'c']),
      );
    });
  }

  it('keep size, time and ETag', () =>
    withFake(
      (_, answer) => listing(answer, listed('a').replace('<Size>1<', '<Size>1234567890123<')),
      async (store) => {
        for await (const object of store.list()) {
          assert.deepEqual(object, {
            key: 'a',
            size: 1234567890123,
            modified: new Date('2026-11-22T03:14:15Z'),
            md5: '9dd4e461268c8034f5c8564e155c67a6',
          });
        }
      },
    ));

  it('are parsed by the SDK if they have another form', () => {
    const split = (text: string) => splitContents(Buffer.from(`<ListBucketResult>${text}</ListBucketResult>`));
    const two = split(`<A/>${listed('é～')}<B/>${listed('c')}`) ?? assert.fail();
    assert.deepEqual(
      two.objects.map(({ Key }) => Key),
      ['é～', 'c'],
    );
    assert.equal(Buffer.from(two.rest).toString(), '<ListBucketResult><A/><B/></ListBucketResult>');
    for (const text of [
      '<Contents><Key>a</Key></Contents>',
      listed(''),
      listed('a&amp;b'),
      listed('a').replace('<Size>1', '<Size>many'),
      listed('a').replace('<Size>1', '<Size>-1'),
      listed('a').replace('2026-', 'yesterday-'),
      `<Contents><Size>1</Size></Contents>${listed('b')}`,
      `${listed('b')}<Contents x="y"></Contents>`,
      `${listed('b')}<Contents><Key>c</Key>`,
    ])
      assert.equal(split(text), undefined, text);
  });
});
