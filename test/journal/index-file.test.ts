import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { codeOf } from '../../lib/common/errors.ts';
import { encodeIndex, INDEX_BYTES, parseIndex, partName } from '../../lib/journal/index-file.ts';

const sha1 = 'a'.repeat(40);
const part = { name: partName(1, sha1, 'gz'), first: 'a', last: 'b c', lines: 2, sha1, size: 40, bytes: 50 };
const index = { from: '2026-11-22T11:00:00+00:00', until: '2026-11-22T12:00:00+00:00', parts: [part] };
const bytes = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const format = 'whisper-backup journal 1';

describe('the index of a journal run', () => {
  it('is read as it was written', () => {
    assert.deepEqual(parseIndex(encodeIndex(index), 'it'), { format, ...index });
  });

  it('is refused with a typed error if it is not one', () => {
    const hostile: unknown[] = [
      '',
      '{',
      'null',
      '[]',
      { ...index },
      { format: 'whisper-backup journal 2', ...index },
      { format, ...index, parts: [] },
      { format, ...index, until: 'now' },
      { format, ...index, parts: [{ ...part, first: 'b c', last: 'a' }] },
      { format, ...index, parts: [{ ...part, first: 'c', last: 'd' }, part] },
      { format, ...index, parts: [part, { ...part, first: 'a.b' }] },
      { format, ...index, until: '2026-02-30T12:00:00+00:00' },
      ...[
        { name: '../../owner.json' },
        { name: `1.${sha1}.lines.gz` },
        { name: `0001.${sha1}.lines.gz/../x` },
        { sha1: 'A'.repeat(40) },
        { lines: -1 },
        { lines: 1.5 },
        { bytes: 2 ** 27 },
        { size: 2 ** 60 },
        { size: 50 + 2 ** 21 },
        { first: 1 },
      ].map((change) => ({ format, ...index, parts: [{ ...part, ...change }] })),
    ];
    for (const value of hostile)
      assert.throws(
        () => parseIndex(bytes(value), 'it'),
        (error) => codeOf(error) === 'BAD_INDEX',
        JSON.stringify(value),
      );
    assert.throws(() => parseIndex(new Uint8Array([0xff, 0x7b]), 'it'), { code: 'BAD_INDEX' });
    assert.throws(() => parseIndex(new Uint8Array(INDEX_BYTES + 1), 'it'), { code: 'BAD_INDEX' });
  });
});
