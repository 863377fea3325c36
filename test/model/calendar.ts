const DAY = 86_400_000;

/** How many days, weeks, months and years to keep. */
export interface Calendar {
  readonly keepDaily: number;
  readonly keepWeekly: number;
  readonly keepMonthly: number;
  readonly keepYearly: number;
}

export const NO_CALENDAR: Calendar = { keepDaily: 0, keepWeekly: 0, keepMonthly: 0, keepYearly: 0 };

/**
 * The moments at which a day, week, month or year of the calendar rules ends: walks from day to day, into the past, and
 * looks whether the next day belongs to another period.
 */
export function endsOf(calendar: Calendar, now: number): number[] {
  const nameOf = (day: number, length: number) => new Date(day).toISOString().slice(0, length);
  const isSunday = (day: number) => new Date(day).getUTCDay() === 0;
  const rules: readonly (readonly [number, (day: number) => boolean])[] = [
    [calendar.keepDaily, () => true],
    [calendar.keepWeekly, isSunday],
    [calendar.keepMonthly, (day) => nameOf(day, 7) !== nameOf(day + DAY, 7)],
    [calendar.keepYearly, (day) => nameOf(day, 4) !== nameOf(day + DAY, 4)],
  ];
  const today = now - (now % DAY);
  return rules.flatMap(([count, isLastDay]) => {
    const ends: number[] = [];
    if (count === 0) return ends;
    let day = today;
    while (!isLastDay(day)) day += DAY;
    for (; ends.length < count; day -= DAY) if (isLastDay(day)) ends.push(day + DAY);
    return ends;
  });
}
