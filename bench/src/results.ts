import { readFile } from 'node:fs/promises';
import * as v from 'valibot';

/** One run of one program. */
const Run = v.object({
  /** Seconds. */
  wall: v.number(),
  /** Seconds of processor time, user and system, of all processes; null without GNU time. */
  cpu: v.nullable(v.number()),
  /** Peak bytes of the largest process; null without GNU time. */
  memory: v.nullable(v.number()),
  /** HTTP requests, if they were counted. */
  requests: v.optional(v.number()),
});

/** One contender in one scenario, with a run per round. */
const Measurement = v.object({
  scenario: v.string(),
  contender: v.string(),
  runs: v.pipe(v.array(Run), v.minLength(1)),
  /** Bytes of all stored files, if it stores any. */
  stored: v.optional(v.number()),
});

const Scenario = v.object({
  id: v.string(),
  title: v.string(),
  note: v.string(),
  /** Files in the tree, where figures for each file matter. */
  files: v.optional(v.number()),
  /** New points in the tree, where bytes for each point matter. */
  points: v.optional(v.number()),
  /** Id of our contender at its defaults. @default 'ours' */
  ours: v.optional(v.string()),
  /** What all are compared with. @default restic */
  baseline: v.optional(v.object({ contender: v.string(), title: v.string() })),
});

const Contender = v.object({
  id: v.string(),
  title: v.string(),
  /** A floor is not a backup but a lower bound. */
  kind: v.picklist(['ours', 'other', 'floor']),
});

/** The raw figures of one benchmark run, from which report and chart are generated. */
const Results = v.object({
  format: v.literal(1),
  date: v.string(),
  commit: v.string(),
  machine: v.object({
    cpu: v.string(),
    cores: v.number(),
    memory: v.number(),
    system: v.string(),
    fileSystem: v.string(),
  }),
  versions: v.record(v.string(), v.string()),
  /** Load of the machine before the start, if it was busy with other work. */
  load: v.optional(v.number()),
  rounds: v.number(),
  /** Duration of the benchmark in seconds. */
  took: v.number(),
  /** Contenders that are not installed. */
  missing: v.array(v.string()),
  /** Failed runs with the reason; not included in the figures. */
  failures: v.array(v.string()),
  contenders: v.array(Contender),
  scenarios: v.array(Scenario),
  measurements: v.array(Measurement),
});

export type Scenario = v.InferOutput<typeof Scenario>;
export type ContenderInfo = v.InferOutput<typeof Contender>;
export type Run = v.InferOutput<typeof Run>;
export type Measurement = v.InferOutput<typeof Measurement>;
export type Results = v.InferOutput<typeof Results>;

/** @throws Error if the file does not match the schema. */
export async function readResults(file: string): Promise<Results> {
  return v.parse(Results, JSON.parse(await readFile(file, 'utf8')));
}

/** Replaces scenarios of an earlier run by those of a later one, whose notes then name its date and commit. */
export function mergeResults(earlier: Results, later: Results): Results {
  const { date, commit, load } = later;
  const busy = load === undefined ? '' : ` ${busyText(load)}`;
  const scenarios = later.scenarios.map(({ note, ...scenario }) => ({
    ...scenario,
    note: `${note} Measured on ${date.slice(0, 10)} at commit ${commit}.${busy}`,
  }));
  const replaced = new Set(scenarios.map(({ id }) => id));
  const others = earlier.failures.filter((text) => !scenarios.some(({ title }) => text.startsWith(title)));
  return {
    ...earlier,
    failures: [...others, ...later.failures],
    contenders: [
      ...new Map([...later.contenders, ...earlier.contenders].map((contender) => [contender.id, contender])).values(),
    ],
    scenarios: [...earlier.scenarios.filter(({ id }) => !replaced.has(id)), ...scenarios],
    measurements: [...earlier.measurements.filter(({ scenario }) => !replaced.has(scenario)), ...later.measurements],
  };
}

/** Warns of figures from a machine that was busy with other work. */
export function busyText(load: number): string {
  return `The machine was busy with other work (a load of ${load.toFixed(1)} before the start): only ratios count.`;
}
