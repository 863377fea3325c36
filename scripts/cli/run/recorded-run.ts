import { UsageError } from '../../../config/errors.ts';
import type { Key } from '../../../config/schema.ts';
import { isClaimedBy } from '../../../lib/bucket/owner.ts';
import { GuardError, InvalidOptionError, pathReason, reasonOf } from '../../../lib/common/errors.ts';
import type { Summary } from '../../../lib/common/summary.ts';
import { formatTimestamp } from '../../../lib/common/timestamp.ts';
import { RunRecords } from '../../../lib/monitoring/bucket-records.ts';
import { runFileTimes, writeRunFile } from '../../../lib/monitoring/host-records.ts';
import { isFullBackup, type NewRunRecord } from '../../../lib/monitoring/run-record.ts';
import { markStart, type RunStart, removeDead } from '../../../lib/monitoring/started-runs.ts';
import { BucketMissingError, DeniedError } from '../../../lib/store/errors.ts';
import type { StoreSpec } from '../../../lib/store/spec.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { thisMachine } from '../host/machine.ts';
import { bucketName } from './bucket-name.ts';
import { exitCodeOfError } from './exit-code.ts';
import type { Invocation } from './invocation.ts';
import { dateOf, placeOf } from './operation-options.ts';
import { partialFor } from './partial-run.ts';
import { type Run, reportOn, runOperation } from './run.ts';
import { sendingFigures } from './sending-figures.ts';
import { leaveStamp } from './stamp.ts';
import { checkStateDirectory } from './state-directory.ts';
import { withStore, withTraffic } from './store.ts';
import { version } from './version.ts';

/** The options of an operation on a store. */
export interface StoreRun extends Run {
  readonly onOwn: (key: string) => void;
  /** From which threads build their own store. */
  readonly threadStore: StoreSpec;
}

/** Timeout for the record in the bucket, in milliseconds: the run is over and must not wait long. */
const PATIENCE = 30_000;

/** The same for an interrupted run, which must end soon. */
const LITTLE_PATIENCE = 4000;

/**
 * Runs an operation that changes a bucket, or the tree from it. Keeps a mark on the host while it runs, and writes a record
 * on the host and in the bucket when it ends, even with an error, except for errors of the command line. Dry runs and the storage `noop`
 * write neither. Nothing after the record changes the exit code.
 *
 * @returns the exit code.
 */
export async function runRecorded(
  invocation: Invocation,
  command: NewRunRecord['command'],
  operation: (store: ObjectStore, run: StoreRun) => Promise<Summary>,
): Promise<number> {
  const { config, output } = invocation;
  // A restore or prune must not fail for a state directory that it does not need.
  if (!isElsewhere(command)) await checkStateDirectory(invocation);
  const keeper = await keepRecord(invocation, command);
  try {
    const begun = (ended: (summary: Summary) => Summary) =>
      withStore(invocation, async (store, { threadStore, traffic }) => {
        const records = new RunRecords(placeOf(config));
        // An earlier state of a bucket takes no record.
        const place = dateOf(invocation, 'asOf') === undefined ? { store, records } : undefined;
        let summary: Summary | undefined;
        const done = (one: Summary): Summary => {
          summary = withTraffic(one, traffic);
          return summary;
        };
        try {
          const exitCode = await reportOn(invocation, async (run) => {
            const onEndedEarly = (early: Summary) => run.onEndedEarly(done(early));
            return ended(done(await operation(store, { ...run, onOwn: records.found, onEndedEarly, threadStore })));
          });
          if (exitCode === 0 && command === 'backup') await leaveStamp(invocation);
          const error = output.failure && { error: reasonOf(output.failure) };
          await keeper?.leave({ exitCode, ...(summary && { summary }), ...error }, place);
          return exitCode;
        } catch (cause) {
          await keeper?.leave({ ...endBy(cause, invocation), ...(summary && { summary }) }, place);
          throw cause;
        }
      });
    // One machine prunes the buckets of many hosts, also at once: it needs no lock.
    if (command === 'prune') return await sendingFigures(invocation, command, begun);
    return await runOperation(invocation, command, begun);
  } catch (cause) {
    // The run could not start, for example because another run holds the lock.
    await keeper?.leave(endBy(cause, invocation));
    throw cause;
  } finally {
    await keeper?.close();
  }
}

/** Whether a command may run on another machine than the host whose bucket it is. */
function isElsewhere(command: NewRunRecord['command']): boolean {
  return command === 'restore' || command === 'prune';
}

/** The result of a run. */
interface End {
  readonly exitCode: number;
  readonly summary?: Summary;
  readonly error?: string;
  readonly cause?: unknown;
}

function endBy(cause: unknown, { interruption }: Invocation): End {
  const exitCode = interruption.exitCode ?? exitCodeOfError(cause);
  const error = reasonOf(interruption.exitCode === undefined ? cause : interruption.signal.reason);
  return { exitCode, error, cause };
}

/** The bucket that a record goes to. */
interface RecordPlace {
  readonly store: ObjectStore;
  readonly records: RunRecords;
}

interface RecordKeeper {
  /** Writes the record of the run, once; without a place only on the host. */
  leave(end: End, place?: RecordPlace): Promise<void>;
  /** Removes the mark of the start. */
  close(): Promise<void> | undefined;
}

/** Marks the start of a run. @returns undefined if the run leaves no record. */
async function keepRecord(invocation: Invocation, command: NewRunRecord['command']): Promise<RecordKeeper | undefined> {
  const { config, log } = invocation;
  const bucket = await bucketName(config);
  if (bucket === undefined || config.noop || config.storage === 'noop') return undefined;
  const partial = await partialFor(command, invocation);
  const start = { command, started: new Date().toISOString(), bucket, partial };
  const mark = await markStart(config.stateDir, start).catch((error: unknown) => {
    // Writing the record will fail too, and log the warning.
    log.debug(`Cannot mark the start of this run in ${config.stateDir}: ${reasonOf(error)}`);
  });
  let isLeft = false;
  return {
    async leave(end, place) {
      if (isLeft || isTypingError(end.cause, invocation)) return;
      isLeft = true;
      const record = await recordOf(invocation, start, end);
      await leaveRecord(invocation, { ...place, record, cause: end.cause });
      if (record.exitCode === 0 && isFullBackup(record)) await removeDead(config.stateDir, 0).catch(() => {});
    },
    close: () =>
      mark?.remove().catch((error: unknown) => {
        const remedy = 'remove it, because status takes this run for a killed one';
        log.warn(`Cannot remove the mark of this run in ${config.stateDir}/runs: ${reasonOf(error)}: ${remedy}`);
      }),
  };
}

/** Options for which an operation may be refused. */
const ofOperation = new Set<Key>([
  ...(['storage', 'storageArgs', 'bucket', 'storagePath', 'storagePathRaw', 'prefix', 'metrics', 'exclude'] as const),
  ...(['algorithm', 'layout', 'gzipEngine', 'gzipLevel', 'owner', 'processes', 'bytesInFlight'] as const),
]);

/** Returns whether the run failed because of the command line. Invalid configuration would fail every scheduled run. */
function isTypingError(cause: unknown, { origins }: Invocation): boolean {
  if (!(cause instanceof UsageError || cause instanceof InvalidOptionError)) return false;
  return [...origins].some(([key, origin]) => /^(command line$|--)/.test(origin) && ofOperation.has(key));
}

async function recordOf(
  { config }: Invocation,
  start: RunStart,
  { exitCode, summary, error }: End,
): Promise<NewRunRecord> {
  const { id, host } = await thisMachine();
  const finished = new Date();
  return {
    program: version(),
    host,
    machine: id,
    ...start,
    finished: finished.toISOString(),
    seconds: (finished.getTime() - Date.parse(start.started)) / 1000,
    exitCode,
    ...(error !== undefined && { error }),
    interval: config.interval,
    ...(summary && { summary }),
  };
}

interface Leaving extends Partial<RecordPlace> {
  readonly record: NewRunRecord;
  /** The error that ended the run. */
  readonly cause: unknown;
}

/** Writes the record. The run itself is done, so failures are only logged. */
async function leaveRecord(invocation: Invocation, { store, records, record, cause }: Leaving): Promise<void> {
  const { config, interruption, log } = invocation;
  const ended = await freeSecond(config.stateDir, records, new Date(record.finished));
  try {
    await writeRunFile(config.stateDir, record, ended);
  } catch (error) {
    const why = pathReason(error);
    log.warn(
      `Cannot write the record of this run to ${config.stateDir}: ${why}: status will not show this run; see --state-dir`,
    );
  }
  if (store === undefined || records === undefined) return;
  const timeout = AbortSignal.timeout(interruption.exitCode === undefined ? PATIENCE : LITTLE_PATIENCE);
  const signal = interruption.exitCode === undefined ? AbortSignal.any([timeout, interruption.signal]) : timeout;
  if (cause !== undefined && !(await mayLeaveIn(invocation, { store, record, cause }, signal))) return;
  try {
    await records.keep(store, record, ended, { signal });
  } catch (error) {
    log.warn(`Cannot write the record of this run to ${store.name}: ${reasonOf(error)}`);
  }
}

/**
 * Returns whether the record of a failed run may be written to the bucket. Not if the bucket is missing, and, for a backup
 * or purge, not if it belongs to another machine or tree, which may be why the run failed.
 */
async function mayLeaveIn(
  { config, log }: Invocation,
  { store, record, cause }: Pick<Leaving, 'record' | 'cause'> & Pick<RecordPlace, 'store'>,
  signal: AbortSignal,
): Promise<boolean> {
  if (cause instanceof BucketMissingError || cause instanceof DeniedError) return false;
  if (record.command === 'prune') return !(cause instanceof InvalidOptionError);
  if (cause instanceof GuardError) return false;
  if (record.command === 'restore') return true;
  try {
    const { machine: id, host } = record;
    return await isClaimedBy(store, placeOf(config), { machine: { id, host } }, signal);
  } catch (error) {
    log.debug(`Cannot write the record of this run to ${store.name}: ${reasonOf(error)}`);
    return false;
  }
}

/** Returns the next free second for a record: records are named by the second. */
async function freeSecond(stateDir: string, records: RunRecords | undefined, finished: Date): Promise<Date> {
  const taken = new Set(await runFileTimes(stateDir).catch(() => []));
  let ended = finished;
  while (taken.has(formatTimestamp(ended)) || records?.has(ended)) ended = new Date(ended.getTime() + 1000);
  return ended;
}
