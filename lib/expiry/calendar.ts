import { DAY } from './age.ts';

/** How many days, weeks, months and years keep a backup. The current, unfinished one is the first of them. */
export interface CalendarRules {
  readonly keepDaily: number;
  readonly keepWeekly: number;
  readonly keepMonthly: number;
  readonly keepYearly: number;
}

/** Keeps the newest backup before its end, so that a restore to the end finds the same backup as if all were kept. */
export interface Period {
  /** The first millisecond after the period: Unix time. */
  readonly end: number;
  /** For people: `keep-monthly 2026-10`. A week is named by its Sunday. */
  readonly rule: string;
}

/**
 * Returns the periods of each rule, the newest first. They are those of UTC; weeks end on Sunday. Periods before 1970 are
 * left out, so that a huge number means all.
 */
export function periodsOf(rules: CalendarRules, now: Date): readonly (readonly Period[])[] {
  const today = Math.floor(now.getTime() / DAY) * DAY;
  const sunday = today + ((7 - now.getUTCDay()) % 7) * DAY;
  const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
  return [
    periods('keep-daily', 10, rules.keepDaily, (back) => today + DAY - back * DAY),
    periods('keep-weekly', 10, rules.keepWeekly, (back) => sunday + DAY - back * 7 * DAY),
    periods('keep-monthly', 7, rules.keepMonthly, (back) => Date.UTC(year, month + 1 - back)),
    periods('keep-yearly', 4, rules.keepYearly, (back) => Date.UTC(year + 1 - back, 0)),
  ].filter((periods) => periods.length > 0);
}

/**
 * @param length of the part of an ISO-8601 date that names the period.
 * @param endOf returns the end of the period that is so many periods back.
 */
function periods(option: string, length: number, count: number, endOf: (back: number) => number): Period[] {
  const found: Period[] = [];
  for (let back = 0; back < count; back++) {
    const end = endOf(back);
    if (end <= 0) break;
    found.push({ end, rule: `${option} ${new Date(end - 1).toISOString().slice(0, length)}` });
  }
  return found;
}
