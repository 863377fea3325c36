import { hostname } from 'node:os';
import type { Config } from '../../../config/schema.ts';
import { pathReason, reasonOf, WhisperBackupError } from '../../../lib/common/errors.ts';
import type { BackupUnits } from '../../../lib/monitoring/backup-units.ts';
import { readChecks, succeededIn } from '../../../lib/monitoring/check-files.ts';
import { readRunFiles } from '../../../lib/monitoring/host-records.ts';
import { type HostStatus, hostStatus, sinceLastSuccess } from '../../../lib/monitoring/host-status.ts';
import { readStartedRuns } from '../../../lib/monitoring/started-runs.ts';
import { elapseAfter, readBackupUnits } from '../host/systemd.ts';
import { bucketName } from './bucket-name.ts';
import { diskBucketProblem } from './disk-bucket.ts';
import { version } from './version.ts';

/**
 * Returns the state of this host's backups, from its own records and systemd.
 *
 * @param warn called with a message for each record that cannot be used.
 * @throws WhisperBackupError `STATE_DIR` if the records cannot be read.
 */
export async function statusHere(config: Config, warn: (message: string) => void): Promise<HostStatus> {
  const { stateDir, interval } = config;
  const now = new Date();
  const bucket = await bucketName(config);
  const [units, bucketProblem] = await Promise.all([unitsHere(warn), diskBucketProblem(config)]);
  try {
    // Read starts before records: a run writes its record before it removes its start mark.
    const starts = await readStartedRuns(stateDir, warn);
    const records = await sinceLastSuccess(readRunFiles(stateDir, now, warn), bucket);
    const [verify, drill, journal] = await Promise.all([
      readChecks(stateDir, 'verify', warn),
      readChecks(stateDir, 'drill', warn),
      readChecks(stateDir, 'journal', warn),
    ]);
    const journaled = succeededIn(bucket, journal);
    // A journal waits for a run that holds the run lock.
    const isBusy = starts.some(({ isRunning }) => isRunning);
    const journalLate = isBusy
      ? undefined
      : await lateSince(units?.journal, [journaled, records[0]?.finished], now, warn);
    const status = hostStatus(records, {
      source: 'host',
      now,
      host: hostname(),
      program: version(),
      interval,
      starts,
      lockWrites: null,
      ...(bucket !== undefined && { bucket }),
      ...(journaled !== undefined && { journaled }),
      ...(journalLate && { journalLate }),
      ...(units && { units }),
      // Before the first backup the bucket need not exist.
      ...(bucketProblem !== undefined && records.length > 0 && { bucketProblem }),
    });
    return { ...status, ...(verify && { verify }), ...(drill && { drill }), ...(journal && { journal }) };
  } catch (error) {
    const message = `Cannot read the records of runs in ${stateDir}: ${pathReason(error)}: see --state-dir`;
    throw new WhisperBackupError('STATE_DIR', message, { cause: error });
  }
}

async function unitsHere(warn: (message: string) => void): Promise<BackupUnits | undefined> {
  try {
    return await readBackupUnits();
  } catch (error) {
    warn(reasonOf(error));
    return undefined;
  }
}

/** Returns when the journal became late: two runs have been due since the last one and since it could last not run. */
async function lateSince(
  timer: BackupUnits['journal'],
  times: readonly (string | null | undefined)[],
  now: Date,
  warn: (message: string) => void,
): Promise<Date | undefined> {
  if (timer === undefined) return undefined;
  const known = times.flatMap((time) => (time == null ? [] : [Date.parse(time)]));
  const base = new Date(Math.max(timer.since?.getTime() ?? 0, ...known));
  try {
    const due = await elapseAfter(timer.calendar, base, 2);
    return due !== undefined && due < now ? due : undefined;
  } catch (error) {
    warn(reasonOf(error));
    return undefined;
  }
}
