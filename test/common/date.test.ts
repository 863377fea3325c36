import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hasOffset, parseDate } from '../../lib/common/date.ts';
import { InvalidOptionError } from '../../lib/common/errors.ts';

describe('parseDate', () => {
  it('parses ISO-8601 with any offset', () => {
    const same = '2026-11-22T03:14:15.000Z';
    for (const text of [
      '2026-11-22T03:14:15+00:00',
      '2026-11-22T03:14:15Z',
      '2026-11-22T08:44:15+05:30',
      '2026-11-21T19:14:15-08:00',
      '2026-11-21T19:14:15-0800',
      '2026-11-22T04:14:15+01',
      '20261122T031415Z',
      ' 2026-11-22T03:14:15Z\n',
    ])
      assert.equal(parseDate(text).toISOString(), same, text);
  });

  it('uses UTC if there is no offset', () => {
    assert.equal(parseDate('2026-11-22T03:14:15').toISOString(), '2026-11-22T03:14:15.000Z');
    assert.equal(parseDate('2026-11-22 03:14').toISOString(), '2026-11-22T03:14:00.000Z');
    assert.equal(parseDate('2026-11-22').toISOString(), '2026-11-22T00:00:00.000Z');
    assert.equal(parseDate('20261122').toISOString(), '2026-11-22T00:00:00.000Z');
    assert.equal(parseDate('2026-11-22T03').toISOString(), '2026-11-22T03:00:00.000Z');
  });

  it('keeps fractions of a second', () => {
    assert.equal(parseDate('2026-11-22T03:14:15.250Z').getMilliseconds(), 250);
  });

  it('accepts 24:00 as the end of the day, but no later time', () => {
    for (const time of ['T24', 'T24:00', 'T240000', 'T24:00:00.000Z'])
      assert.equal(parseDate(`2026-11-22${time}`).toISOString(), '2026-11-23T00:00:00.000Z', time);
    assert.equal(parseDate('2026-12-31T24:00+01:00').toISOString(), '2026-12-31T23:00:00.000Z');
    for (const time of ['T24:01', 'T24:00:01', 'T24:00:00.001', 'T25:00', 'T03:00+24:00'])
      assert.throws(() => parseDate(`2026-11-22${time}`), InvalidOptionError, time);
  });

  it('parses week dates and ordinal dates of ISO-8601', () => {
    assert.equal(parseDate('2026-W47-7').toISOString(), '2026-11-22T00:00:00.000Z');
    assert.equal(parseDate('2026-326').toISOString(), '2026-11-22T00:00:00.000Z');
  });

  it('handles leap years, and weeks that belong to another year', () => {
    const days = {
      '2024-02-29': '2024-02-29',
      '2024-366': '2024-12-31',
      '2020-W53-7': '2021-01-03',
      '2025-W01-1': '2024-12-30',
      '0099-12-31': '0099-12-31',
    };
    for (const [text, day] of Object.entries(days)) assert.equal(parseDate(text).toISOString(), `${day}T00:00:00.000Z`);
    for (const text of ['2023-02-29', '2023-366', '2021-W53-1', '2021-W00-1'])
      assert.throws(() => parseDate(text), text);
  });

  it('parses every date that JavaScript and Python write, in every offset', () => {
    const moments = fc.date({ min: new Date('0001-01-02'), max: new Date('9999-12-30'), noInvalidDate: true });
    fc.assert(
      fc.property(moments, fc.integer({ min: -1439, max: 1439 }), (moment, offset) => {
        assert.deepEqual(parseDate(moment.toISOString()), moment);
        const local = new Date(moment.getTime() + offset * 60_000).toISOString().slice(0, -1);
        const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
        const zone = `${offset < 0 ? '-' : '+'}${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
        assert.deepEqual(parseDate(`${local}${zone}`), moment);
      }),
    );
  });

  it('rejects text that is not a date or has no day, with the expected form', () => {
    for (const text of [
      '',
      'yesterday',
      '2026-02-30',
      '2026-13-01',
      '2026-11-22T25:00',
      '2026-11-22T03:14:60',
      '22.11.2026',
      '11/22/2026',
      '1763781255',
      '2026-11-22T03:14:15+99:00',
      '2026-11-22T03:14:15+24:00',
      '2026-1122',
      // A time alone would mean today, and a year alone its first moment, which nobody intends.
      '12',
      '03:14',
      '2026',
      '2026-11',
      '2026-W47',
    ])
      assert.throws(
        () => parseDate(text),
        (error) =>
          error instanceof InvalidOptionError &&
          error.message ===
            `Cannot parse the date ${JSON.stringify(text)}: it is not ISO-8601. Use the form 2026-11-22T03:14:15+00:00.`,
        text,
      );
  });
});

describe('hasOffset', () => {
  it('returns whether a date has an offset', () => {
    for (const text of ['2026-11-22T03:14Z', '2026-11-22 03:14+01', '2026-11-22T03:14:15-0800', '20261122T031415z'])
      assert.equal(hasOffset(text), true, text);
    for (const text of ['2026-11-22', '2026-11-22T03:14', '2026-11-22 03:14:15', '20261122', '2026-W47-7'])
      assert.equal(hasOffset(text), false, text);
  });
});
