import { type AggregationRule, consolidate, type Slot } from './aggregation.ts';
import type { Ring } from './points.ts';

/** A coarser slot, and the finer archive before and after a change. */
interface Finer {
  readonly interval: number;
  /** How many finer slots it has. */
  readonly count: number;
  readonly before: Ring;
  readonly after: Ring;
}

/**
 * Aggregates a coarser slot again after finer ones have changed.
 *
 * @param old its value.
 * @returns undefined if there are too few points; or if the old value was not the aggregate of the finer points before,
 *   and not all finer slots have a point now.
 */
export function aggregateAgain(rule: AggregationRule, finer: Finer, old: Slot): number | undefined {
  const { interval, count, after } = finer;
  const slots = after.readKnown(interval, count);
  const value = consolidate(rule, slots, count);
  if (value === undefined || old === undefined || Object.is(value, old)) return value;
  const isWhole = slots.length === count && !slots.includes(undefined);
  return isWhole || Object.is(aggregatedBefore(rule, finer), old) ? value : undefined;
}

/** Returns what the finer points gave before the change. */
export function aggregatedBefore(
  rule: AggregationRule,
  { interval, count, before }: Omit<Finer, 'after'>,
): number | undefined {
  return consolidate(rule, before.readKnown(interval, count), count);
}
