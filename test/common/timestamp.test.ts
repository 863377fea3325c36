import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatTimestamp, parseTimestamp } from '../../lib/common/timestamp.ts';

const seconds = fc.date({ min: new Date('0000-01-01'), max: new Date('9998-12-31T23:59:59Z'), noInvalidDate: true });

describe('a date of the year 9999', () => {
  it('is rejected, because a later key could have a five-digit year', () => {
    assert.equal(parseTimestamp('9999-01-01T00:00:00+00:00'), undefined);
    assert.equal(parseTimestamp('9999-12-31T23:59:59+00:00'), undefined);
    assert.ok(parseTimestamp('9998-12-31T23:59:59+00:00'));
  });
});

describe('timestamp', () => {
  it('is formatted in UTC, to the second', () => {
    assert.equal(formatTimestamp(new Date('2026-11-22T04:14:15.999+01:00')), '2026-11-22T03:14:15+00:00');
  });

  it('parses to the same time without the fraction', () => {
    fc.assert(
      fc.property(seconds, (time) => {
        assert.equal(parseTimestamp(formatTimestamp(time))?.getTime(), Math.floor(time.getTime() / 1000) * 1000);
      }),
    );
  });

  it('sorts as text in the order of time', () => {
    fc.assert(
      fc.property(seconds, seconds, (a, b) => {
        if (formatTimestamp(a) < formatTimestamp(b)) assert.ok(a < b);
      }),
    );
  });

  it('rejects other forms and times that do not exist', () => {
    for (const text of [
      '',
      '2026-11-22T03:14:15Z',
      '2026-11-22T03:14:15.000+00:00',
      '2026-11-22T03:14:15+0000',
      '2026-11-22T03:14:15-00:00',
      '2026-11-22T03:14:15+01:00',
      '2026-11-22 03:14:15+00:00',
      ' 2026-11-22T03:14:15+00:00',
      '2026-11-22T03:14:15+00:00\n',
      '2026-02-29T03:14:15+00:00',
      '2026-02-30T03:14:15+00:00',
      '2026-00-22T03:14:15+00:00',
      '2026-13-22T03:14:15+00:00',
      '2026-11-22T24:00:00+00:00',
      '2026-11-22T03:60:15+00:00',
      '2026-11-22T03:14:60+00:00',
      '٢٠٢٦-11-22T03:14:15+00:00',
    ])
      assert.equal(parseTimestamp(text), undefined, text);
    assert.ok(parseTimestamp('2024-02-29T03:14:15+00:00'));
  });
});
