import prettyBytes from 'pretty-bytes';
import { printable } from '../../../lib/common/printable.ts';
import { spanText } from '../../../lib/common/span.ts';
import { plainTable } from '../../../lib/common/table.ts';
import type { Check } from '../../../lib/monitoring/check-files.ts';
import type { HostStatus, StatusRun } from '../../../lib/monitoring/host-status.ts';
import type { CarbonLocks } from '../host/carbon-locks.ts';

/** Formats the status of one host for people. */
export function statusText(status: HostStatus, locks?: CarbonLocks): string {
  const rows: (readonly [string, string])[] = [
    ['host', `${status.host}: ${stateTexts[status.state]}`],
    ...status.problems.map((problem) => ['problem', problem] as const),
    ['bucket', status.bucket ?? 'unknown: no storage is configured, and no backup is on record'],
    ['last success', successText(status)],
    ['RPO now', rpoText(status)],
    ['last backup', figuresText(status)],
    ['last run', lastRunText(status.lastRun)],
  ];
  for (const name of ['journal', 'verify', 'drill'] as const) {
    const checks = status[name];
    if (checks === undefined) continue;
    const textOf = name === 'journal' ? endText : checkText;
    rows.push([`last ${name}`, textOf(checks.last)]);
    if (checks.failed && checks.failed.started !== checks.last.started)
      rows.push([`${name} failed`, textOf(checks.failed)]);
  }
  if (status.prune !== null) rows.push(['last prune', pruneText(status.prune)]);
  if (status.running !== null) {
    rows.push(['running', `${status.running.command}, since ${timeText(status.running.started)}`]);
  }
  if (status.source === 'host') {
    rows.push(['last trigger', status.lastTrigger === null ? 'none' : timeText(status.lastTrigger)]);
    rows.push(['next timer', status.nextTimer === null ? 'none' : timeText(status.nextTimer)]);
    rows.push(['carbon locks', lockText(locks)]);
  }
  rows.push(['version', `${status.program ?? 'unknown'}${status.source === 'bucket' ? ' (from the bucket)' : ''}`]);
  return plainTable(rows.map((row) => row.map(printable)))
    .map((line) => `${line}\n`)
    .join('');
}

const stateTexts: Readonly<Record<HostStatus['state'], string>> = {
  ok: 'ok',
  late: 'LATE',
  off: 'OFF',
  failed: 'FAILED',
  unknown: 'UNKNOWN',
};

function successText({ lastSuccess, ageSeconds }: HostStatus): string {
  if (lastSuccess === null) return 'none on record';
  return `${timeText(lastSuccess)}, ${spanText(ageSeconds ?? 0)} ago`;
}

function rpoText({ rpoSeconds }: HostStatus): string {
  if (rpoSeconds === null) return 'unknown: no successful full backup is on record';
  return `${spanText(rpoSeconds)}: a restore now would lose the points written since`;
}

/** Formats the last run of any command. A partial backup lists the options that make it partial. */
export function lastRunText(run: StatusRun | null): string {
  if (run === null) return 'none on record';
  const { command, finished, exitCode, error, partial = [] } = run;
  const part = partial.length === 0 ? '' : ` (not a full backup: ${partial.join(', ')})`;
  if (finished === null) return `${command}${part}, never finished: it was killed, or the host went down`;
  return `${command}${part}, ${timeText(finished)}, exit code ${exitCode}${error === undefined ? '' : `: ${error}`}`;
}

/** Formats a verify or drill. One without an end may still be running. */
export function checkText(check: Check): string {
  return `${check.part === null ? 'everything' : `part ${check.part}`}, ${endText(check)}`;
}

function endText({ started, finished, exitCode, error }: Check): string {
  if (finished === null) return `started ${timeText(started)}, has not finished`;
  return `${timeText(finished)}, exit code ${exitCode}${error === undefined ? '' : `: ${error}`}`;
}

function pruneText({ finished, exitCode, error, deleted, contradictions }: NonNullable<HostStatus['prune']>): string {
  const what = deleted === null ? '' : `, ${deleted} objects deleted`;
  const doubt = contradictions ? `, ${contradictions} metrics with contradicting dates were left alone` : '';
  const why = error === undefined ? '' : `: ${error}`;
  return `${timeText(finished)}, exit code ${exitCode}${what}${doubt}${why}`;
}

function figuresText({ metrics, stored, unchanged, failed, bytes, seconds }: HostStatus): string {
  if (metrics === null) return 'none on record';
  const figures = Object.entries({ metrics, stored, unchanged, failed }).map(
    ([name, value]) => `${name} ${value ?? 0}`,
  );
  return `${figures.join(', ')}, ${prettyBytes(bytes ?? 0, { binary: true })} in ${(seconds ?? 0).toFixed(1)} s`;
}

function lockText(locks: CarbonLocks | undefined): string {
  if (locks === undefined) return 'unknown: no carbon settings found';
  return locks.locks ? `on (${locks.file})` : `OFF: ${locks.remedy}`;
}

/** Formats a time as `2026-11-22 03:14:20 UTC`. */
function timeText(time: string): string {
  return `${time.slice(0, 19).replace('T', ' ')} UTC`;
}
