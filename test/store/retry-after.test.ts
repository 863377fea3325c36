import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRetryAfter } from '../../lib/store/retry-after.ts';

describe('Retry-After', () => {
  const now = Date.parse('2026-11-22T03:14:15Z');
  const headers: readonly [string | undefined, number | undefined][] = [
    ['0', 0],
    ['120', 120_000],
    [' 5 ', 5000],
    ['Sun, 22 Nov 2026 03:14:45 GMT', 30_000],
    ['Sun, 22 Nov 2026 03:14:00 GMT', 0],
    ['1.5', 1500],
    ['soon', undefined],
    ['-1', undefined],
    ['', undefined],
    [undefined, undefined],
  ];
  for (const [header, expected] of headers) {
    it(`of ${JSON.stringify(header)} is ${expected}`, () => assert.equal(parseRetryAfter(header, now), expected));
  }
});
