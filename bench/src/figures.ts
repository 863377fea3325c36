import type { ContenderInfo, Measurement, Results, Scenario } from './results.ts';

/** The median runs of one contender in one scenario, and what they are against restic's. */
export interface Row {
  readonly contender: ContenderInfo;
  /** Seconds: the median, the least and the most. */
  readonly wall: number;
  readonly least: number;
  readonly most: number;
  readonly cpu: number | undefined;
  readonly memory: number | undefined;
  readonly stored: number | undefined;
  /** How many times the baseline's; undefined where that was not measured. */
  readonly times: { readonly wall: number | undefined; readonly stored: number | undefined };
}

export interface Table {
  readonly scenario: Scenario;
  /** Fastest first. */
  readonly rows: readonly Row[];
}

/** Whom everybody is compared with. */
export const BASELINE = 'restic';

/** What is to be told of each scenario in which anything was measured. */
export function tablesOf(results: Results): Table[] {
  return results.scenarios
    .map((scenario) => {
      const measured = results.measurements.filter((measurement) => measurement.scenario === scenario.id);
      const baseline = measured.find(({ contender }) => contender === BASELINE);
      const rows = measured.map((measurement) => rowOf(results, measurement, baseline));
      return { scenario, rows: rows.sort((a, b) => a.wall - b.wall) };
    })
    .filter(({ rows }) => rows.length > 0);
}

function rowOf(results: Results, measurement: Measurement, baseline: Measurement | undefined): Row {
  const { contender: id, runs, stored } = measurement;
  const contender = results.contenders.find((one) => one.id === id) ?? { id, title: id, kind: 'other' };
  const walls = runs.map(({ wall }) => wall);
  const wall = median(walls);
  return {
    contender,
    wall,
    least: Math.min(...walls),
    most: Math.max(...walls),
    cpu: medianOf(runs.map(({ cpu }) => cpu)),
    memory: medianOf(runs.map(({ memory }) => memory)),
    stored,
    times: {
      wall: baseline && wall / median(baseline.runs.map((run) => run.wall)),
      stored: stored === undefined || baseline?.stored === undefined ? undefined : stored / baseline.stored,
    },
  };
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

function medianOf(values: readonly (number | null)[]): number | undefined {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? undefined : median(known);
}
