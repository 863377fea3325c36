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
  /** Null of a run that was killed. */
  finished: v.nullable(time),
  exitCode: v.nullable(v.number()),
  error: v.optional(v.string()),
  /** Options typed for it that made it another than the full backup of the host. */
  partial: v.optional(v.pipe(v.array(v.string()), v.readonly())),
});

const checksSchema = v.object({ last: checkSchema, failed: v.nullable(checkSchema) });

/** How the backups of a host go, as `status --json` prints it. What is not known is null. */
export const hostStatusSchema = v.object({
  host: v.string(),
  /** Version of the program. */
  program: v.nullable(v.string()),
  /** Name of the bucket, and of its store, that all of this is about. */
  bucket: v.optional(v.nullable(v.string()), null),
  /** When the last full backup ended in which all was well. */
  lastSuccess: v.nullable(time),
  ageSeconds: figure,
  /** The last run of any command; it decides nothing. */
  lastRun: v.nullable(runSchema),
  /** A run that is under way. */
  running: v.optional(v.nullable(v.object({ command: v.string(), started: time })), null),
  /** Of the last full backup that came to its end; bytes are those stored. */
  metrics: figure,
  stored: figure,
  unchanged: figure,
  failed: figure,
  bytes: figure,
  seconds: figure,
  nextTimer: v.nullable(time),
  lastTrigger: v.optional(v.nullable(time), null),
  lockWrites: v.nullable(v.boolean()),
  /** Checks decide nothing: how the last went, and the last that failed and was not made good. */
  verify: v.optional(checksSchema),
  drill: v.optional(checksSchema),
  source: v.picklist(['host', 'bucket']),
  state: v.picklist(['ok', 'late', 'off', 'failed', 'unknown']),
  /** Why it is not ok. */
  problems: v.optional(v.array(v.string()), []),
});

export type HostStatus = v.InferOutput<typeof hostStatusSchema>;
export type StatusRun = v.InferOutput<typeof runSchema>;

/** What is known besides the records. */
export interface HostFacts extends Pick<HostStatus, 'source' | 'lockWrites'> {
  readonly now: Date;
  /** What holds where the records are not asked: on the host itself. */
  readonly host?: string;
  readonly program?: string;
  /** Seconds between scheduled backups. @default as the newest record has it */
  readonly interval?: number;
  /** Name of the configured bucket. @default that of the newest full backup */
  readonly bucket?: string;
  /** Why the bucket cannot be restored from, as far as this host can tell. */
  readonly bucketProblem?: string;
  /** Runs that started and left no record. @default none */
  readonly starts?: readonly StartedRun[];
  /** What systemd reports, where it runs the host. */
  readonly units?: BackupUnits;
}

/**
 * Takes records, the newest first, back to the last success: older ones are not needed.
 *
 * @param bucket name of the configured bucket. @default that of the newest full backup
 */
export async function sinceLastSuccess(
  records: AsyncIterable<RunRecord>,
  bucket?: string,
): Promise<readonly RunRecord[]> {
  const seen: RunRecord[] = [];
  for await (const record of records) {
    seen.push(record);
    if (record.exitCode === 0 && fullBackups(seen, bucket).includes(record)) break;
  }
  return seen;
}

/** The full backups into the bucket; a record that does not name its bucket is of any. */
function fullBackups(records: readonly RunRecord[], bucket: string | undefined): readonly RunRecord[] {
  const full = records.filter(isFullBackup);
  const wanted = bucket ?? full[0]?.bucket;
  return full.filter((record) => record.bucket === undefined || wanted === undefined || record.bucket === wanted);
}

/** @param records the newest first. */
export function hostStatus(records: readonly RunRecord[], facts: HostFacts): HostStatus {
  const { now, starts = [], units } = facts;
  // Another host may have restored from this bucket, and left a record of that.
  const whose = (records.find(({ command }) => command !== 'restore') ?? records[0])?.host;
  const own = facts.source === 'host' ? records : records.filter(({ host }) => host === whose);
  const backups = fullBackups(own, facts.bucket);
  const bucket = facts.bucket ?? backups[0]?.bucket ?? backups[0]?.summary?.store;
  const success = backups.find(({ exitCode }) => exitCode === 0);
  const figures = backups.find(({ summary }) => summary !== undefined);
  const count = (name: string) => figures?.summary?.counts[name] ?? null;
  const age = success && Math.max(0, (now.getTime() - Date.parse(success.finished)) / 1000);
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
  };
  const problems = problemsOf(judged);
  return {
    host: facts.host ?? whose ?? 'unknown',
    program: facts.program ?? own[0]?.program ?? null,
    bucket: bucket ?? null,
    lastSuccess: success?.finished ?? null,
    ageSeconds: age === undefined ? null : Math.round(age),
    lastRun: lastRunOf(own[0], starts),
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
