import { withDefaults } from '../common/defaults.ts';
import { InvalidOptionError } from '../common/errors.ts';
import { globToRegExp } from '../common/glob.ts';
import type { Policy, PurgeRules } from '../common/options.ts';
import { type CalendarRules, periodsOf } from './calendar.ts';
import type { RetentionRules } from './retention.ts';

/** Returns the index of the first policy that matches a metric; -1 if none does. */
export function policyFinder(policies: readonly Policy[]): (metric: string) => number {
  const globs = policies.map(({ match }) => globToRegExp(match));
  return (metric) => globs.findIndex((glob) => glob.test(metric));
}

/**
 * Returns the retention of each metric: that of the first policy that matches, or the general one.
 *
 * @param now start of the run; the calendar rules count back from it.
 * @throws InvalidOptionError if a value is out of range.
 */
export function retentionFinder(options: Omit<PurgeRules, 'machine'>, now: Date): (metric: string) => RetentionRules {
  const { policies = [], ...general } = withDefaults(options);
  const { purge } = general;
  const generalRules = retentionOf(general, now, '');
  const each = policies.map(({ match, ...own }) => {
    const rules = {
      purge,
      retention: own.retention ?? general.retention,
      keepWithin: own.keepWithin ?? general.keepWithin,
      keepDaily: own.keepDaily ?? general.keepDaily,
      keepWeekly: own.keepWeekly ?? general.keepWeekly,
      keepMonthly: own.keepMonthly ?? general.keepMonthly,
      keepYearly: own.keepYearly ?? general.keepYearly,
    };
    return retentionOf(rules, now, ` of the policy ${JSON.stringify(match)}`);
  });
  if (each.length === 0) return () => generalRules;
  const find = policyFinder(policies);
  return (metric) => each[find(metric)] ?? generalRules;
}

interface Counts extends CalendarRules {
  readonly retention: number;
  readonly keepWithin: number;
  readonly purge: number;
}

function retentionOf(rules: Counts, now: Date, of: string): RetentionRules {
  const { retention, keepWithin, purge, keepDaily, keepWeekly, keepMonthly, keepYearly } = rules;
  atLeast('retention', retention, 1, of);
  const others = { keepWithin, keepDaily, keepWeekly, keepMonthly, keepYearly };
  for (const [name, value] of Object.entries(others)) atLeast(name, value, 0, of);
  return { retention, keepWithin, purge, periods: periodsOf(rules, now) };
}

function atLeast(name: string, value: number, least: number, of: string): void {
  if (value >= least && Number.isFinite(value)) return;
  throw new InvalidOptionError(`Cannot keep backups: '${name}'${of} must be ${least} or more: got ${value}`);
}
