import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { jsonLine } from '../../lib/common/printable.ts';

describe('a JSON record', () => {
  it('is one line that holds nothing a terminal obeys, and reads back as what it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const line = jsonLine({ name });
        assert.match(line, /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*\n$/u);
        assert.deepEqual(JSON.parse(line), { name });
      }),
    );
  });

  it('escapes what JSON leaves as it is', () => {
    assert.equal(jsonLine('\u009b31m\u202e\u2028\u{e0001}'), '"\\u009b31m\\u202e\\u2028\\udb40\\udc01"\n');
  });
});
