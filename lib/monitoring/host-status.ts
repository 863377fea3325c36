import * as v from 'valibot';
import type { BackupUnits } from './backup-units.ts';
import { checkSchema } from './check-files.ts';
import { isFullBackup, type RunRecord } from './run-record.ts';
import type { StartedRun } from './started-runs.ts';
import { type Judged, problemsOf } from './status-problems.ts';

const time = v.pipe(v.string(), v.isoTimestamp());
const figure = v.nullable(v.pipe(v.number(), v.finite()));

const runSchema = v.object({
  command: v.string(),
  /** Null if the run was killed. */
  finished: v.nullable(time),
  exitCode: v.nullable(v.number()),
  error: v.optional(v.string()),
  /** Command-line options because of which it was not a full backup of the host. */
  partial: v.optional(v.pipe(v.array(v.string()), v.readonly())),
});

const pruneSchema = v.object({
  finished: time,
  exitCode: v.number(),
  /** Why it deleted nothing, or not all. */
  error: v.optional(v.string()),
  /** Backups deleted by retention, metrics purged, deleted objects, and metrics whose dates contradict each other. */
  retired: figure,
  purged: figure,
  deleted: figure,
  contradictions: figure,
});

const checksSchema = v.object({ last: checkSchema, failed: v.nullable(checkSchema) });
const journalSchema = v.object({ ...checksSchema.entries, succeeded: v.nullable(time) });

/** The status of a host's backups, as `status --json` prints it. Unknown values are null. */
export const hostStatusSchema = v.object({
  host: v.string(),
  program: v.nullable(v.string()),
  /** Name of the bucket and its store to which this status applies. */
  bucket: v.optional(v.nullable(v.string()), null),
  /** End of the last successful full backup. */
  lastSuccess: v.nullable(time),
  ageSeconds: figure,
  /** The last run of any command; has no effect on `state`. */
  lastRun: v.nullable(runSchema),
  running: v.optional(v.nullable(v.object({ command: v.string(), started: time })), null),
  /** From here to `seconds`: of the last full backup with a summary; `bytes` are those stored. */
  metrics: figure,
  stored: figure,
  unchanged: figure,
  failed: figure,
  bytes: figure,
  seconds: figure,
  nextTimer: v.nullable(time),
  lastTrigger: v.optional(v.nullable(time), null),
  lockWrites: v.nullable(v.boolean()),
  /** The last check, and the last unresolved failed check; have no effect on `state`. */
  verify: v.optional(checksSchema),
  drill: v.optional(checksSchema),
  journal: v.optional(journalSchema),
  /** The last prune of all metrics of the bucket, by any machine; has no effect on `state`. */
  prune: v.optional(v.nullable(pruneSchema), null),
  /** How many seconds of the newest points a restore would lose now: the age of the newest journal run or full backup. */
  rpoSeconds: v.optional(figure, null),
  source: v.picklist(['host', 'bucket']),
  state: v.picklist(['ok', 'late', 'off', 'failed', 'unknown']),
  problems: v.optional(v.array(v.string()), []),
});

export type HostStatus = v.InferOutput<typeof hostStatusSchema>;
export type StatusRun = v.InferOutput<typeof runSchema>;

/** Facts that are not in the records. */
export interface HostFacts extends Pick<HostStatus, 'source' | 'lockWrites'> {
  readonly now: Date;
  /** @default that of the newest record; given on the host itself */
  readonly host?: string;
  /** Version of the program. @default that of the newest record; given on the host itself */
  readonly program?: string;
  /** Seconds between scheduled backups. @default that of the newest record */
  readonly interval?: number;
  readonly bucket?: string;
  /** Why no restore from the bucket is possible, as far as this host can check. */
  readonly bucketProblem?: string;
  /** Runs that have started, but have no record. @default none */
  readonly starts?: readonly StartedRun[];
  /** Start of the last successful journal run. */
  readonly journaled?: string;
  /** When the journal became late. @default it is not late, or off */
  readonly journalLate?: Date;
  /** Only on hosts with systemd. */
  readonly units?: BackupUnits;
}

/** How many records before the last success are read to find the last prune. */
const PRUNE_DEPTH = 30;

/**
 * Reads records, the newest first, back to the last success and the last prune. Older ones are not needed.
 *
 * @param bucket name of the configured bucket. @default that of the newest full backup
 */
export async function sinceLastSuccess(
  records: AsyncIterable<RunRecord>,
  bucket?: string,
): Promise<readonly RunRecord[]> {
  const seen: RunRecord[] = [];
  let end = Number.POSITIVE_INFINITY;
  for await (const record of records) {
    seen.push(record);
    if (end === Number.POSITIVE_INFINITY && record.exitCode === 0 && fullBackups(seen, bucket).includes(record))
      end = seen.length + PRUNE_DEPTH;
    if (seen.length >= end || (end < Number.POSITIVE_INFINITY && lastPrune(seen, bucket))) break;
  }
  return seen;
}

/** Returns the full backups into the bucket. A record without a bucket, of an older release, matches any. */
function fullBackups(records: readonly RunRecord[], bucket: string | undefined): readonly RunRecord[] {
  const full = records.filter(isFullBackup);
  const wanted = bucket ?? full[0]?.bucket;
  return full.filter((record) => record.bucket === undefined || wanted === undefined || record.bucket === wanted);
}

/** Returns the newest prune of all metrics of the bucket. */
function lastPrune(records: readonly RunRecord[], bucket: string | undefined): RunRecord | undefined {
  return records.find(
    (record) =>
      record.command === 'prune' &&
      (record.partial ?? []).length === 0 &&
      (bucket === undefined || record.bucket === bucket),
  );
}

/** @param records the newest first. */
export function hostStatus(records: readonly RunRecord[], facts: HostFacts): HostStatus {
  const { now, starts = [], units } = facts;
  // Another machine may have restored from this bucket or pruned it.
  const whose = (records.find(({ command }) => command !== 'restore' && command !== 'prune') ?? records[0])?.host;
  const own = facts.source === 'host' ? records : records.filter(({ host }) => host === whose);
  const backups = fullBackups(own, facts.bucket);
  const bucket = facts.bucket ?? backups[0]?.bucket ?? backups[0]?.summary?.store;
  const success = backups.find(({ exitCode }) => exitCode === 0);
  const figures = backups.find(({ summary }) => summary !== undefined);
  const count = (name: string) => figures?.summary?.counts[name] ?? null;
  const age = success && Math.max(0, (now.getTime() - Date.parse(success.finished)) / 1000);
  const reached = [success?.started, facts.journaled].flatMap((text) => (text === undefined ? [] : [Date.parse(text)]));
  const running = starts.findLast(({ isRunning }) => isRunning);
  const judged: Judged = {
    last: backups[0],
    success,
    age,
    interval: facts.interval ?? backups[0]?.interval ?? 0,
    killed: starts.findLast(
      (start) => !start.isRunning && isFullBackup(start) && (bucket === undefined || start.bucket === bucket),
    ),
    isRunning: starts.some((start) => start.isRunning && isFullBackup(start)),
    units,
    bucketProblem: facts.bucketProblem,
    journaled: facts.journaled,
    journalLate: facts.journalLate,
  };
  const problems = problemsOf(judged);
  return {
    host: facts.host ?? whose ?? 'unknown',
    program: facts.program ?? own[0]?.program ?? null,
    bucket: bucket ?? null,
    lastSuccess: success?.finished ?? null,
    ageSeconds: age === undefined ? null : Math.round(age),
    rpoSeconds: success === undefined ? null : Math.max(0, Math.round((now.getTime() - Math.max(...reached)) / 1000)),
    lastRun: lastRunOf(own[0], starts),
    prune: pruneOf(lastPrune(records, facts.bucket)),
    running: running ? { command: running.command, started: running.started } : null,
    metrics: count('metrics'),
    stored: count('stored'),
    unchanged: count('unchanged'),
    failed: count('failed'),
    bytes: count('bytesStored'),
    seconds: figures?.seconds ?? null,
    nextTimer: units?.timer.next?.toISOString() ?? null,
    lastTrigger: units?.timer.lastTrigger?.toISOString() ?? null,
    lockWrites: facts.lockWrites,
    source: facts.source,
    state: problems[0]?.state ?? 'ok',
    problems: problems.map(({ text }) => text),
  };
}

function pruneOf(record: RunRecord | undefined): HostStatus['prune'] {
  if (!record) return null;
  const { finished, exitCode, summary } = record;
  const error = record.error ?? summary?.stopped?.message;
  const { retired = null, purged = null, deleted = null, contradictions = 0 } = summary?.counts ?? {};
  return { finished, exitCode, ...(error !== undefined && { error }), retired, purged, deleted, contradictions };
}

function lastRunOf(record: RunRecord | undefined, starts: readonly StartedRun[]): StatusRun | null {
  const killed = starts.findLast(({ isRunning }) => !isRunning);
  if (killed !== undefined && (record === undefined || killed.started > record.started)) {
    const { command, partial } = killed;
    return { command, finished: null, exitCode: null, ...(partial.length > 0 && { partial }) };
  }
  if (record === undefined) return null;
  const { command, finished, exitCode, error, partial = [] } = record;
  return {
    command,
    finished,
    exitCode,
    ...(error !== undefined && { error }),
    ...(partial.length > 0 && { partial }),
  };
}
