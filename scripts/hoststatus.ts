import * as v from 'valibot';
import type { RunRecord } from '../lib/runrecord.ts';

const time = v.pipe(v.string(), v.isoTimestamp());
const figure = v.nullable(v.pipe(v.number(), v.finite()));

/** How the backups of a host go, as `status --json` prints it. What is not known is null. */
export const hostStatusSchema = v.object({
  host: v.string(),
  /** Version of the program. */
  program: v.nullable(v.string()),
  /** When the last backup ended with which all was well. */
  lastSuccess: v.nullable(time),
  ageSeconds: figure,
  lastRun: v.nullable(
    v.object({ command: v.string(), finished: time, exitCode: v.number(), error: v.optional(v.string()) }),
  ),
  /** Of the last backup that came to its end; bytes are those stored. */
  metrics: figure,
  stored: figure,
  unchanged: figure,
  failed: figure,
  bytes: figure,
  seconds: figure,
  nextTimer: v.nullable(time),
  lockWrites: v.nullable(v.boolean()),
  source: v.picklist(['host', 'bucket']),
  state: v.picklist(['ok', 'late', 'failed', 'unknown']),
});

export type HostStatus = v.InferOutput<typeof hostStatusSchema>;

/** What is known besides the records. */
export interface HostFacts extends Pick<HostStatus, 'source' | 'nextTimer' | 'lockWrites'> {
  readonly now: Date;
  /** What holds where the records are not asked: on the host itself. */
  readonly host?: string;
  readonly program?: string;
  /** Seconds between scheduled backups. @default as the newest record has it */
  readonly interval?: number;
}

/** So many intervals may pass without a success. */
const INTERVALS = 2;

/** Records from further ahead than this, in milliseconds, are a wrong clock's, and would hide what came after. */
const AHEAD = 3_600_000;

/** Takes records, the newest first, back to the last success: no more are needed. */
export async function sinceLastSuccess(records: AsyncIterable<RunRecord>, now: Date): Promise<readonly RunRecord[]> {
  const seen: RunRecord[] = [];
  for await (const record of records) {
    if (Date.parse(record.finished) > now.getTime() + AHEAD) continue;
    seen.push(record);
    if (isSuccess(record)) break;
  }
  return seen;
}

function isSuccess({ command, exitCode }: RunRecord): boolean {
  return command === 'backup' && exitCode === 0;
}

/** @param records the newest first. */
export function hostStatus(records: readonly RunRecord[], facts: HostFacts): HostStatus {
  // Another host may have restored from this bucket, and left a record of that.
  const whose = (records.find(({ command }) => command !== 'restore') ?? records[0])?.host;
  const own = facts.source === 'host' ? records : records.filter(({ host }) => host === whose);
  const [last] = own;
  const success = own.find(isSuccess);
  const figures = own.find(({ command, summary }) => command === 'backup' && summary !== undefined);
  const count = (name: string) => figures?.summary?.counts[name] ?? null;
  const age = success && Math.max(0, (facts.now.getTime() - Date.parse(success.finished)) / 1000);
  const interval = facts.interval ?? last?.interval ?? 0;
  return {
    host: facts.host ?? whose ?? 'unknown',
    program: facts.program ?? last?.program ?? null,
    lastSuccess: success?.finished ?? null,
    ageSeconds: age === undefined ? null : Math.round(age),
    lastRun: last
      ? {
          command: last.command,
          finished: last.finished,
          exitCode: last.exitCode,
          ...(last.error !== undefined && { error: last.error }),
        }
      : null,
    metrics: count('metrics'),
    stored: count('stored'),
    unchanged: count('unchanged'),
    failed: count('failed'),
    bytes: count('bytesStored'),
    seconds: figures?.seconds ?? null,
    nextTimer: facts.nextTimer,
    lockWrites: facts.lockWrites,
    source: facts.source,
    state: stateOf(last, age, INTERVALS * interval),
  };
}

/** @param age of the last success, in seconds. */
function stateOf(last: RunRecord | undefined, age: number | undefined, most: number): HostStatus['state'] {
  if (last !== undefined && last.exitCode !== 0) return 'failed';
  if (age === undefined) return 'unknown';
  return age > most ? 'late' : 'ok';
}
