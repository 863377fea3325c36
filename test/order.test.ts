import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ascending, compareKeys } from '../lib/order.ts';

/** Characters around every border where UTF-8 and UTF-16 may order differently, and around the slash. */
const character = fc.constantFrom(
  ...['\0', '\x01', '.', '/', '0', 'a', '\x7f', '\x80', '߿', 'ࠀ', '\ud7ff', '\ue000', '～', '\uffff'],
  ...['\u{10000}', '😀', '\u{1f601}', '\u{20000}', '\u{10ffff}'],
);
const key = fc.oneof(fc.string({ unit: character, maxLength: 8 }), fc.string({ unit: 'binary' }));

describe('compareKeys', () => {
  it('orders as the bytes of UTF-8 do', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        assert.equal(Math.sign(compareKeys(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 2000 },
    );
  });

  it('orders as the bytes of UTF-8 do behind a common beginning', () => {
    fc.assert(
      fc.property(key, key, key, (start, a, b) => {
        const expected = Buffer.compare(Buffer.from(start + a), Buffer.from(start + b));
        assert.equal(Math.sign(compareKeys(start + a, start + b)), expected);
      }),
    );
  });

  it('puts a character beyond the basic plane after U+FF5E, where JavaScript puts it before', () => {
    assert.ok('😀' < '～');
    assert.ok(compareKeys('😀', '～') > 0);
    assert.ok(compareKeys('～', '😀') < 0);
  });
});

describe('ascending', () => {
  async function run(keys: string[], onDisorder: (previous: string, current: string) => void): Promise<string[]> {
    async function* source() {
      yield* keys;
    }
    const passed: string[] = [];
    for await (const item of ascending(source(), (item) => item, onDisorder)) passed.push(item);
    return passed;
  }

  it('passes on a sequence that ascends, and does not complain', async () => {
    const complain = () => assert.fail('complained');
    assert.deepEqual(await run([], complain), []);
    assert.deepEqual(await run(['', 'a', 'a.b', 'a/b', '～', '😀'], complain), ['', 'a', 'a.b', 'a/b', '～', '😀']);
  });

  it('tells every pair that does not ascend, equal ones too, and goes on', async () => {
    const pairs: string[][] = [];
    const keys = ['b', 'a', 'a', 'c', '😀', '～'];
    assert.deepEqual(await run(keys, (previous, current) => pairs.push([previous, current])), keys);
    assert.deepEqual(pairs, [
      ['b', 'a'],
      ['a', 'a'],
      ['😀', '～'],
    ]);
  });

  it('throws what onDisorder throws, and lets the source clean up', async () => {
    let cleaned = false;
    async function* source() {
      try {
        yield* ['b', 'a', 'c'];
      } finally {
        cleaned = true;
      }
    }
    const stop = new Error('out of order');
    const sequence = ascending(
      source(),
      (item) => item,
      () => {
        throw stop;
      },
    );
    await assert.rejects(async () => {
      for await (const _ of sequence);
    }, stop);
    assert.ok(cleaned);
  });
});
