import { spanText } from '../common/span.ts';
import { type BackupUnits, JOURNAL_TIMER, SERVICE, timerProblem } from './backup-units.ts';
import type { RunRecord } from './run-record.ts';
import type { StartedRun } from './started-runs.ts';

/** The facts that determine the state of a host. All runs are full backups into the configured bucket. */
export interface Judged {
  readonly last: RunRecord | undefined;
  readonly success: RunRecord | undefined;
  /** Age of the last success, in seconds. */
  readonly age: number | undefined;
  /** Seconds between scheduled backups. */
  readonly interval: number;
  readonly killed: StartedRun | undefined;
  readonly isRunning: boolean;
  readonly units: BackupUnits | undefined;
  readonly bucketProblem: string | undefined;
  /** Start of the last successful journal run. */
  readonly journaled: string | undefined;
  /** When the journal became late. */
  readonly journalLate: Date | undefined;
}

interface Problem {
  readonly state: 'failed' | 'off' | 'unknown' | 'late';
  readonly text: string;
}

/** A host is late after this many intervals without a success. */
const MAX_INTERVALS = 2;

/** Returns all reasons why a restore now may not have the expected result, the worst first. */
export function problemsOf(judged: Judged): readonly Problem[] {
  const { last, killed, units, bucketProblem } = judged;
  const failed: string[] = [];
  if (bucketProblem !== undefined) failed.push(bucketProblem);
  if (last !== undefined && last.exitCode !== 0) {
    const why = last.error === undefined ? '' : `: ${last.error}`;
    failed.push(`the last full backup ended with exit code ${last.exitCode} at ${last.finished}${why}`);
  }
  if (killed !== undefined) {
    failed.push(
      `the full backup started at ${killed.started} never ended: it was killed, or the host went down. Start it again.`,
    );
  }
  const unit = units && serviceProblem(units, judged);
  if (unit !== undefined) failed.push(unit);
  const timer = units && timerProblem(units.timer);
  return [
    ...failed.map((text) => ({ state: 'failed', text }) as const),
    ...(timer === undefined ? [] : [{ state: 'off', text: timer } as const]),
    ...ageProblem(judged),
    ...journalProblem(judged),
  ];
}

/** Finds failures that only systemd reports, because the backup could not start or write a record. */
function serviceProblem({ timer, service }: BackupUnits, { last, success, isRunning }: Judged): string | undefined {
  if (service.load !== 'loaded') {
    // If both units are missing, something else starts the backups.
    return timer.load === 'loaded' ? `systemd cannot load ${SERVICE} (${service.load})` : undefined;
  }
  const isActive = isRunning || !['inactive', 'failed'].includes(service.active);
  const seeJournal = `see journalctl -u ${SERVICE}`;
  if (!isActive && service.result !== 'success' && isAfter(service.ended, success)) {
    return `${SERVICE} failed at ${service.ended?.toISOString() ?? 'an unknown time'} (${service.result}, exit status ${service.exitStatus}): ${seeJournal}`;
  }
  if (!isActive && timer.lastTrigger !== undefined && isAfter(timer.lastTrigger, last)) {
    return `the backup that the timer started at ${timer.lastTrigger.toISOString()} left no record: ${seeJournal}`;
  }
  return undefined;
}

/** Returns whether systemd's time, in whole seconds, is after the end of the run; false for the same second. */
function isAfter(when: Date | undefined, run: RunRecord | undefined): boolean {
  if (when === undefined || run === undefined) return true;
  return when.getTime() > Date.parse(run.finished);
}

function ageProblem({ success, age, interval }: Judged): readonly Problem[] {
  if (success === undefined || age === undefined) {
    return [{ state: 'unknown', text: 'no successful full backup is on record' }];
  }
  if (age <= MAX_INTERVALS * interval) return [];
  return [{ state: 'late', text: `the last success is ${spanText(age)} old, more than two intervals` }];
}

function journalProblem({ success, journaled, journalLate }: Judged): readonly Problem[] {
  if (success === undefined || journalLate === undefined) return [];
  const last = journaled === undefined ? 'none has succeeded' : `the last successful one started at ${journaled}`;
  const see = `see journalctl -u ${JOURNAL_TIMER.replace('.timer', '.service')}`;
  return [
    { state: 'late', text: `the journal is late: ${last}, and two were due by ${journalLate.toISOString()}: ${see}` },
  ];
}
