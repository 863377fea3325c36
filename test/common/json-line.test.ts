import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { jsonLine } from '../../lib/common/printable.ts';

describe('a JSON record', () => {
  it('is one line without terminal control characters, and parses to the same value', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const line = jsonLine({ name });
        assert.match(line, /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*\n$/u);
        assert.deepEqual(JSON.parse(line), { name });
      }),
    );
  });

  it('escapes characters that JSON does not escape', () => {
    assert.equal(jsonLine('\u009b31m\u202e\u2028\u{e0001}'), '"\\u009b31m\\u202e\\u2028\\udb40\\udc01"\n');
  });
});
