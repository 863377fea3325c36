import { readFile } from 'node:fs/promises';
import * as v from 'valibot';

/** One run of one program. */
const Run = v.object({
  /** Seconds. */
  wall: v.number(),
  /** Seconds of processor time, user and system, of all its processes; null where GNU time is missing. */
  cpu: v.nullable(v.number()),
  /** Bytes of the largest of its processes at its largest; null likewise. */
  memory: v.nullable(v.number()),
});

/** What one contender did in one scenario: a run for each round. */
const Measurement = v.object({
  scenario: v.string(),
  contender: v.string(),
  runs: v.pipe(v.array(Run), v.minLength(1)),
  /** Bytes of all files that it keeps; where it keeps any. */
  stored: v.optional(v.number()),
});

const Scenario = v.object({ id: v.string(), title: v.string(), note: v.string() });

const Contender = v.object({
  id: v.string(),
  title: v.string(),
  /** A floor is no backup: nothing can be faster than it. */
  kind: v.picklist(['ours', 'other', 'floor']),
});

/** All that one run of the benchmark found out: the raw figures, from which report and chart are made. */
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
  rounds: v.number(),
  /** Seconds that the whole took. */
  took: v.number(),
  /** What was to be compared, but is not on the machine. */
  missing: v.array(v.string()),
  /** Runs that ended badly, and how; they are in no figure. */
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

/** @throws Error when the file does not hold what {@link Results} says. */
export async function readResults(file: string): Promise<Results> {
  return v.parse(Results, JSON.parse(await readFile(file, 'utf8')));
}
