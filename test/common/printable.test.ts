import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { printable } from '../../lib/common/printable.ts';

/** Control, format, line and paragraph separators, lone surrogates. */
const HARMFUL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

describe('printable', () => {
  it('does not change printable names', () => {
    for (const text of ['', 'servers.web01.cpu', 'a b;tag=x', 'größe～😀', '\\x1b', '日本語'])
      assert.equal(printable(text), text);
  });

  it('escapes terminal control characters', () => {
    assert.equal(printable('\x1b[31mred\x07\r\n\t\0'), '\\x1b[31mred\\x07\\x0d\\x0a\\x09\\x00');
    assert.equal(printable('\x7f\x80\x9b'), '\\x7f\\x80\\x9b');
  });

  it('escapes bidirectional, invisible and line separator characters', () => {
    assert.equal(printable('gnp\u202e.exe'), 'gnp\\u{202e}.exe');
    assert.equal(
      printable('a\u200bb\u2028c\u2029d\u2066e\ufefff\xadg'),
      'a\\u{200b}b\\u{2028}c\\u{2029}d\\u{2066}e\\u{feff}f\\xadg',
    );
    assert.equal(printable('\u{e0041}'), '\\u{e0041}');
  });

  it('escapes lone surrogates and the replacement character', () => {
    assert.equal(printable('a\ud800b'), 'a\\u{d800}b');
    assert.equal(printable('a\udc00'), 'a\\u{dc00}');
    assert.equal(printable('caf\ufffd'), 'caf\\u{fffd}');
  });

  it('removes all control characters from any text, and is idempotent', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = printable(text);
        assert.ok(!HARMFUL.test(shown), shown);
        assert.equal(printable(shown), shown);
      }),
      { numRuns: 300 },
    );
  });
});
