import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Backup } from '../../lib/bucket/metric.ts';
import { DAY } from '../../lib/expiry/age.ts';
import { periodsOf } from '../../lib/expiry/calendar.ts';
import { retain } from '../../lib/expiry/retention.ts';
import { SEEDED, seeded } from '../fixtures/seed.ts';
import { endsOf, NO_CALENDAR as NONE } from '../model/calendar.ts';

const calendars = fc.record({
  keepDaily: fc.constantFrom(0, 0, 1, 3, 9),
  keepWeekly: fc.constantFrom(0, 0, 1, 2, 6),
  keepMonthly: fc.constantFrom(0, 0, 1, 2, 14),
  keepYearly: fc.constantFrom(0, 0, 1, 3),
});

/** Around leap days, ends of years, and the first Sunday of a year, to the second. */
const nows = fc
  .tuple(fc.constantFrom('2024-02-29', '2026-01-01', '2026-11-22', '2027-12-31', '2028-03-01'), fc.integer(), fc.nat())
  .map(([day, days, seconds]) => Date.parse(day) + (days % 40) * DAY + (seconds % 86_400) * 1000);

function backupOf(time: number, kind: Backup['kind'] = 'single'): Backup {
  const object = { key: new Date(time).toISOString(), size: 1, modified: new Date(time) };
  return { kind, time: new Date(time), algorithm: 'gz', object, ...(kind === 'single' && { sha1: object.key }) };
}

function rulesOf(calendar: Partial<typeof NONE>, now: number, retention = 1) {
  const periods = periodsOf({ ...NONE, ...calendar }, new Date(now));
  return { retention, keepWithin: 0, purge: 45, periods };
}

function newestBefore(backups: readonly Backup[], end: number): Backup | undefined {
  return backups.filter(({ time }) => time.getTime() < end).at(-1);
}

describe('calendar rules', () => {
  const now = Date.parse('2026-11-22T12:00:00Z');
  const rulesNamed = (calendar: Partial<typeof NONE>, at = now) =>
    periodsOf({ ...NONE, ...calendar }, new Date(at)).flatMap((periods) => periods.map(({ rule }) => rule));

  it('count from the current, unfinished period, in UTC; a week is named by its Sunday', () => {
    assert.deepEqual(rulesNamed({ keepDaily: 2 }), ['keep-daily 2026-11-22', 'keep-daily 2026-11-21']);
    // A Sunday is the end of its week, not the start.
    assert.deepEqual(rulesNamed({ keepWeekly: 2 }), ['keep-weekly 2026-11-22', 'keep-weekly 2026-11-15']);
    const monday = Date.parse('2026-11-23T00:00:00Z');
    assert.deepEqual(rulesNamed({ keepWeekly: 2 }, monday), ['keep-weekly 2026-11-29', 'keep-weekly 2026-11-22']);
    assert.deepEqual(rulesNamed({ keepMonthly: 2 }), ['keep-monthly 2026-11', 'keep-monthly 2026-10']);
    assert.deepEqual(rulesNamed({ keepYearly: 2 }), ['keep-yearly 2026', 'keep-yearly 2025']);
    assert.deepEqual(rulesNamed({}), []);
  });

  it('accept a huge number, which keeps every period since 1970', () => {
    const [days = []] = periodsOf({ ...NONE, keepDaily: Number.MAX_SAFE_INTEGER }, new Date(now));
    assert.equal(days.length, Math.floor(now / DAY) + 1);
    assert.equal(periodsOf({ ...NONE, keepYearly: 1e9 }, new Date(now))[0]?.length, 57);
  });

  it('keep the newest backup before the end of a period, whichever layout wrote it, and name the first rule', () => {
    const all = [
      ...[backupOf(Date.parse('2026-08-03T02:00:00Z')), backupOf(Date.parse('2026-09-30T23:59:59Z'), 'pair')],
      ...[backupOf(Date.parse('2026-10-01T00:00:00Z')), backupOf(Date.parse('2026-11-21T02:00:00Z'))],
      backupOf(Date.parse('2026-11-22T02:00:00Z')),
    ];
    const { kept, expired } = retain(all, rulesOf({ keepDaily: 2, keepMonthly: 4 }, now), new Date(now));
    assert.deepEqual([...kept].map(([{ object }, rule]) => [object.key.slice(0, 10), rule]).sort(), [
      ['2026-08-03', 'keep-monthly 2026-08'],
      ['2026-09-30', 'keep-monthly 2026-09'],
      ['2026-10-01', 'keep-monthly 2026-10'],
      ['2026-11-21', 'keep-daily 2026-11-21'],
      ['2026-11-22', 'retention'],
    ]);
    assert.deepEqual(expired, []);
  });

  it('keep one backup for all periods in which a metric did not change', () => {
    const all = [backupOf(Date.parse('2026-03-01T02:00:00Z')), backupOf(Date.parse('2026-03-02T02:00:00Z'))];
    const last = backupOf(Date.parse('2026-11-22T02:00:00Z'));
    const { kept } = retain([...all, last], rulesOf({ keepMonthly: 2 }, now), new Date(now));
    assert.deepEqual([...kept.values()], ['retention', 'keep-monthly 2026-10']);
    assert.equal(kept.get(all[1] ?? last), 'keep-monthly 2026-10');
  });

  it(`keep exactly what a model keeps that walks from day to day (${SEEDED})`, () => {
    const times = fc.array(fc.integer({ min: -1000 * 86_400, max: 86_400 }), { maxLength: 40 });
    fc.assert(
      fc.property(calendars, nows, times, fc.constantFrom(1, 3), (calendar, now, seconds, retention) => {
        const all = [...new Set(seconds)].sort((a, b) => a - b).map((second) => backupOf(now + second * 1000));
        const { kept, expired } = retain(all, rulesOf(calendar, now, retention), new Date(now));
        const expected = new Set<Backup | undefined>(all.slice(-retention));
        for (const end of endsOf(calendar, now)) expected.add(newestBefore(all, end));
        assert.deepEqual(
          [...kept.keys()].sort(byTime),
          all.filter((one) => expected.has(one)),
        );
        assert.deepEqual(
          expired,
          all.filter((one) => !expected.has(one)),
        );
      }),
      seeded(2000),
    );
  });

  it(`leave each period's end as it would be restored if nothing had ever been deleted (${SEEDED})`, () => {
    // Nights, at any hour, after each of which retention deletes; a metric changes now and then, or hardly ever.
    const nights = fc.array(fc.record({ hours: fc.integer({ min: 1, max: 90 }), changes: fc.boolean() }), {
      minLength: 1,
      maxLength: 120,
    });
    fc.assert(
      fc.property(calendars, nows, nights, fc.constantFrom(1, 2), (calendar, start, nights, retention) => {
        let now = start;
        const ever: Backup[] = [];
        let left: readonly Backup[] = [];
        for (const { hours, changes } of nights) {
          now += hours * 3_600_000;
          const added = changes || ever.length === 0 ? [backupOf(now)] : [];
          ever.push(...added);
          const all = [...left, ...added];
          const { expired } = retain(all, rulesOf(calendar, now, retention), new Date(now));
          left = all.filter((one) => !expired.includes(one));
        }
        for (const end of endsOf(calendar, now)) assert.equal(newestBefore(left, end), newestBefore(ever, end));
      }),
      seeded(300),
    );
  });
});

function byTime(a: Backup, b: Backup): number {
  return a.time.getTime() - b.time.getTime();
}
