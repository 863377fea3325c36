import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { spanText } from '../../lib/common/span.ts';

describe('A duration', () => {
  it('is rounded down in the largest unit that gives 2 or more', () => {
    const spans = [0, 1.9, 119, 120, 7199, 7200, 2 * 86_400 - 1, 2 * 86_400, 100 * 86_400, 2 * 365 * 86_400];
    const texts = ['0 s', '1 s', '119 s', '2 min', '119 min', '2 h', '47 h', '2 d', '100 d', '2 y'];
    assert.deepEqual(
      spans.map((seconds) => spanText(seconds)),
      texts,
    );
  });

  it('keeps decimals of seconds where they are asked for', () => {
    assert.equal(spanText(41.94, { decimals: 1 }), '41.9 s');
    assert.equal(spanText(120.5, { decimals: 1 }), '2 min');
  });

  it('is exact in the largest unit without a remainder', () => {
    const texts = [45, 60, 90, 300, 3600, 36 * 3600, 86_400, 365 * 86_400].map((span) =>
      spanText(span, { exact: true }),
    );
    assert.deepEqual(texts, ['45 s', '1 min', '90 s', '5 min', '1 h', '36 h', '1 d', '1 y']);
  });
});
