/** How many points become one in a coarser archive. */
export type AggregationMethod = 'average' | 'sum' | 'last' | 'max' | 'min' | 'avg_zero' | 'absmax' | 'absmin';

/** In the order of the numbers that stand for them in a header, from 1. */
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

/** The method that a header's number stands for, or undefined. */
export function aggregationMethodOf(type: number): AggregationMethod | undefined {
  return AGGREGATION_METHODS[type - 1];
}

/** The number that stands for a method in a header, 1 to 8. */
export function aggregationTypeOf(method: AggregationMethod): number {
  return AGGREGATION_METHODS.indexOf(method) + 1;
}

/**
 * Whether whisper and go-whisper read the method's number differently: 6 is `avg_zero` in one and `first` in the other.
 *
 * @see https://github.com/go-graphite/go-whisper/blob/master/whisper.go
 */
export function isAmbiguousMethod(method: AggregationMethod): boolean {
  return aggregationTypeOf(method) >= 6;
}

/** What a header says about aggregation. */
export interface AggregationRule {
  readonly aggregation: AggregationMethod;
  /** The share of finer slots that must be known, 0 to 1, as the header's float32 holds it: 0.3 is a little more than 3/10. */
  readonly xFilesFactor: number;
}

/** A slot's value, or undefined where it holds no point. */
export type Slot = number | undefined;

/**
 * The value of one coarser slot, made of the finer slots inside it, oldest first; undefined when none is known, or
 * fewer than xFilesFactor asks for.
 *
 * @param count how many slots there are, should unknown ones have been left out.
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
 * Adds and compares in the order in which Whisper does, since that shows: sums start at 0, so -0 becomes 0; of equals
 * the first stays, so 0 and -0 differ; and whether NaN wins depends on where it stands, which `Math.max` would lose.
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
