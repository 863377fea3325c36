import { isClaimedBy } from '../lib/bucket/owner.ts';
import { RunRecords } from '../lib/bucket/runs.ts';
import { formatTimestamp } from '../lib/bucket/timestamp.ts';
import { codeOf, GuardError, reasonOf } from '../lib/errors.ts';
import type { NewRunRecord } from '../lib/runrecord.ts';
import { BucketMissingError, DeniedError } from '../lib/store/errors.ts';
import type { StoreSpec } from '../lib/store/spec.ts';
import type { ObjectStore } from '../lib/store/store.ts';
import type { Summary } from '../lib/summary.ts';
import { exitCodeOfError, exitCodeOfSummary, exitCodes } from './exitcode.ts';
import { runFileTimes, writeRunFile } from './host/runfiles.ts';
import type { Invocation } from './invocation.ts';
import { thisMachine } from './machine.ts';
import { placeOf } from './operationoptions.ts';
import { type Run, runOperation } from './run.ts';
import { withStore, withTraffic } from './storage.ts';
import { version } from './version.ts';

/** What an operation on a store is given to run with. */
export interface StoreRun extends Run {
  readonly onOwn: (key: string) => void;
  /** How threads build the same store. */
  readonly threadStore?: StoreSpec;
}

/** How long the bucket may take for a record, in milliseconds: the run is over, and its end must not wait for long. */
const PATIENCE = 30_000;

/** The same of a run that was interrupted, which must end soon. */
const LITTLE_PATIENCE = 4000;

/**
 * Runs an operation that changes a bucket or the tree from it, and leaves its record on the host and in the bucket:
 * also of one that ended with an error, if it was not in what was typed or configured. A dry run leaves none, nor does
 * the storage that holds nothing.
 *
 * @returns the exit code.
 */
export function runRecorded(
  invocation: Invocation,
  command: NewRunRecord['command'],
  operation: (store: ObjectStore, run: StoreRun) => Promise<Summary>,
): Promise<number> {
  const { config, interruption, log } = invocation;
  return runOperation(invocation, command, (run) =>
    withStore({ config, log }, async (store, { threads, traffic }) => {
      const records = new RunRecords(placeOf(config));
      const started = new Date();
      const leave = async (end: End): Promise<void> => {
        if (config.noop || config.storage === 'noop') return;
        const record = await recordOf(invocation, { command, started, ...end });
        await leaveRecord(invocation, { store, records, record, cause: end.cause });
      };
      try {
        const summary = withTraffic(await operation(store, { ...run, onOwn: records.found, ...threads }), traffic);
        await leave({ exitCode: interruption.exitCode ?? exitCodeOfSummary(summary), summary });
        return summary;
      } catch (cause) {
        const exitCode = interruption.exitCode ?? exitCodeOfError(cause);
        const error = reasonOf(interruption.exitCode === undefined ? cause : interruption.signal.reason);
        if (exitCode !== exitCodes.usage) await leave({ exitCode, error, cause });
        throw cause;
      }
    }),
  );
}

/** How a run ended. */
interface End {
  readonly exitCode: number;
  readonly summary?: Summary;
  readonly error?: string;
  readonly cause?: unknown;
}

async function recordOf(
  { config }: Invocation,
  { command, started, exitCode, summary, error }: End & Pick<NewRunRecord, 'command'> & { readonly started: Date },
): Promise<NewRunRecord> {
  const { id, host } = await thisMachine();
  const finished = new Date();
  return {
    program: version(),
    host,
    machine: id,
    command,
    started: started.toISOString(),
    finished: finished.toISOString(),
    seconds: (finished.getTime() - started.getTime()) / 1000,
    exitCode,
    ...(error !== undefined && { error }),
    interval: config.interval,
    ...(summary && { summary }),
  };
}

interface Leaving {
  readonly store: ObjectStore;
  readonly records: RunRecords;
  readonly record: NewRunRecord;
  /** What was thrown, if anything was. */
  readonly cause: unknown;
}

/** None of this is what the run was for: what cannot be left is told, and that is all. */
async function leaveRecord(invocation: Invocation, { store, records, record, cause }: Leaving): Promise<void> {
  const { config, interruption, log, origins } = invocation;
  const ended = await freeSecond(config.stateDir, records, new Date(record.finished));
  try {
    await writeRunFile(config.stateDir, record, ended);
  } catch (error) {
    // The default is a courtesy; a directory that was named is part of the job, and one that others may write is odd.
    const isCourtesy = origins.get('stateDir') === 'default' && codeOf(error) !== 'NOT_TRUSTED';
    const level = isCourtesy ? 'debug' : 'warn';
    log.log(level, `Cannot leave the record of this run in ${config.stateDir}: ${reasonOf(error)}: see --state-dir`);
  }
  const timeout = AbortSignal.timeout(interruption.exitCode === undefined ? PATIENCE : LITTLE_PATIENCE);
  const signal = interruption.exitCode === undefined ? AbortSignal.any([timeout, interruption.signal]) : timeout;
  if (cause !== undefined && !(await mayLeaveIn(invocation, { store, record, cause }, signal))) return;
  try {
    await records.keep(store, record, ended, { signal });
  } catch (error) {
    log.warn(`Cannot leave the record of this run in ${store.name}: ${reasonOf(error)}`);
  }
}

/**
 * Whether a bucket is to get the record of a run that ended with an error: not when it is missing, and a backup or purge
 * may have ended because it is another machine's or tree's, or before that was asked.
 */
async function mayLeaveIn(
  { config, log }: Invocation,
  { store, record, cause }: Omit<Leaving, 'records'>,
  signal: AbortSignal,
): Promise<boolean> {
  if (cause instanceof BucketMissingError || cause instanceof DeniedError || cause instanceof GuardError) return false;
  if (record.command === 'restore') return true;
  try {
    const { machine: id, host } = record;
    return await isClaimedBy(store, placeOf(config), { machine: { id, host } }, signal);
  } catch (error) {
    log.debug(`Cannot leave the record of this run in ${store.name}: ${reasonOf(error)}`);
    return false;
  }
}

/** Records are kept by the second: one that ends within the same takes the next that is free. */
async function freeSecond(stateDir: string, records: RunRecords, finished: Date): Promise<Date> {
  const taken = new Set(await runFileTimes(stateDir).catch(() => []));
  let ended = finished;
  while (taken.has(formatTimestamp(ended)) || records.has(ended)) ended = new Date(ended.getTime() + 1000);
  return ended;
}
