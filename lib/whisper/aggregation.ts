export type AggregationMethod = 'average' | 'sum' | 'last' | 'max' | 'min' | 'avg_zero' | 'absmax' | 'absmin';

/** In the order of their numbers in a header, which start at 1. */
export const AGGREGATION_METHODS: readonly AggregationMethod[] = [
  'average',
  'sum',
  'last',
  'max',
  'min',
  'avg_zero',
  'absmax',
  'absmin',
];

/** Returns the method with this number in a header; undefined if there is none. */
export function aggregationMethodOf(type: number): AggregationMethod | undefined {
  return AGGREGATION_METHODS[type - 1];
}

/** Returns the number of a method in a header, 1 to 8. */
export function aggregationTypeOf(method: AggregationMethod): number {
  return AGGREGATION_METHODS.indexOf(method) + 1;
}

/**
 * Returns whether whisper and go-whisper interpret the number of a method differently: 6 is `avg_zero` in whisper and
 * `first` in go-whisper.
 *
 * @see https://github.com/go-graphite/go-whisper/blob/master/whisper.go
 */
export function isAmbiguousMethod(method: AggregationMethod): boolean {
  return aggregationTypeOf(method) >= 6;
}

export interface AggregationRule {
  readonly aggregation: AggregationMethod;
  /** The share of finer slots that must have a point, 0 to 1. A float32, so 0.3 is a little above 3/10. */
  readonly xFilesFactor: number;
}

/** The value of a slot; undefined if it has no point. */
export type Slot = number | undefined;

/**
 * Computes the value of a coarser slot from the finer slots inside it.
 *
 * @param slots oldest first.
 * @param count how many finer slots there are, if `slots` omits empty ones.
 * @returns undefined if no slot has a point, or fewer than xFilesFactor requires.
 */
export function consolidate(
  rule: AggregationRule,
  slots: readonly Slot[],
  count: number = slots.length,
): number | undefined {
  const known = slots.filter((value) => value !== undefined);
  const [first] = known;
  if (first === undefined || known.length / count < rule.xFilesFactor) return undefined;
  return aggregate(rule.aggregation, first, known, count);
}

/**
 * Adds and compares in the same order as Whisper, because the order changes results: sums start at 0, so -0 becomes 0;
 * the first of equal values wins, so 0 and -0 differ; and whether NaN wins depends on its position, unlike with
 * `Math.max`.
 */
function aggregate(method: AggregationMethod, first: number, known: readonly number[], slots: number): number {
  switch (method) {
    case 'average':
      return sum(known) / known.length;
    case 'sum':
      return sum(known);
    case 'last':
      return known[known.length - 1] ?? first;
    case 'max':
      // biome-ignore lint/complexity/useMathMinMax: it treats NaN and -0 otherwise.
      return known.reduce((best, value) => (value > best ? value : best), first);
    case 'min':
      // biome-ignore lint/complexity/useMathMinMax: it treats NaN and -0 otherwise.
      return known.reduce((best, value) => (value < best ? value : best), first);
    case 'avg_zero':
      return sum(known) / slots;
    case 'absmax':
      return known.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), first);
    case 'absmin':
      return known.reduce((best, value) => (Math.abs(value) < Math.abs(best) ? value : best), first);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
