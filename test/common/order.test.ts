import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compareKeys, watchOrder } from '../../lib/common/order.ts';

/** Characters around every border where UTF-8 and UTF-16 may order differently, and around the slash. */
const character = fc.constantFrom(
  ...['\0', '\x01', '.', '/', '0', 'a', '\x7f', '\x80', '߿', 'ࠀ', '\ud7ff', '\ue000', '～', '\uffff'],
  ...['\u{10000}', '😀', '\u{1f601}', '\u{20000}', '\u{10ffff}'],
);
const key = fc.oneof(fc.string({ unit: character, maxLength: 8 }), fc.string({ unit: 'binary' }));

describe('compareKeys', () => {
  it('orders by UTF-8 bytes', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        assert.equal(Math.sign(compareKeys(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 2000 },
    );
  });

  it('orders by UTF-8 bytes after a common prefix', () => {
    fc.assert(
      fc.property(key, key, key, (start, a, b) => {
        const expected = Buffer.compare(Buffer.from(start + a), Buffer.from(start + b));
        assert.equal(Math.sign(compareKeys(start + a, start + b)), expected);
      }),
    );
  });

  it('orders characters above U+FFFF after U+FF5E, unlike JavaScript', () => {
    assert.ok('😀' < '～');
    assert.ok(compareKeys('😀', '～') > 0);
    assert.ok(compareKeys('～', '😀') < 0);
  });
});

describe('watchOrder', () => {
  it('accepts an ascending sequence', () => {
    const watch = watchOrder(() => assert.fail('complained'));
    for (const key of ['', 'a', 'a.b', 'a/b', '～', '😀']) watch(key);
  });

  it('reports every pair that does not ascend, including equal keys, and continues', () => {
    const pairs: string[][] = [];
    const watch = watchOrder((previous, current) => pairs.push([previous, current]));
    for (const key of ['b', 'a', 'a', 'c', '😀', '～']) watch(key);
    assert.deepEqual(pairs, [
      ['b', 'a'],
      ['a', 'a'],
      ['😀', '～'],
    ]);
  });

  it('passes on the error of onDisorder', () => {
    const stop = new Error('out of order');
    const watch = watchOrder(() => {
      throw stop;
    });
    watch('b');
    assert.throws(() => watch('a'), stop);
  });
});
