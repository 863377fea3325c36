import type { ContenderInfo, Measurement, Results, Scenario } from './results.ts';

/** The medians of one contender in one scenario, also relative to the baseline. */
export interface Row {
  readonly contender: ContenderInfo;
  /** Seconds: median, minimum and maximum. */
  readonly wall: number;
  readonly least: number;
  readonly most: number;
  readonly cpu: number | undefined;
  readonly memory: number | undefined;
  readonly stored: number | undefined;
  readonly requests: number | undefined;
  /** Multiples of the baseline; undefined if that was not measured. */
  readonly times: { readonly wall: number | undefined; readonly stored: number | undefined };
}

export interface Table {
  readonly scenario: Scenario;
  /** Fastest first. */
  readonly rows: readonly Row[];
}

/** The contender that all others are compared with, if a scenario has no other one. */
export const BASELINE = 'restic';

/** Returns a table for each scenario with measurements. */
export function tablesOf(results: Results): Table[] {
  return results.scenarios
    .map((scenario) => {
      const measured = results.measurements.filter((measurement) => measurement.scenario === scenario.id);
      const baseline = measured.find(({ contender }) => contender === (scenario.baseline?.contender ?? BASELINE));
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
    requests: medianOf(runs.map(({ requests = null }) => requests)),
    times: {
      wall: baseline && wall / median(baseline.runs.map((run) => run.wall)),
      stored: stored === undefined || baseline?.stored === undefined ? undefined : stored / baseline.stored,
    },
  };
}

/** Returns the median: the middle value, or the mean of the two middle values. */
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
