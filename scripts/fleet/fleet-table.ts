import prettyBytes from 'pretty-bytes';
import { printable } from '../../lib/common/printable.ts';
import { spanText } from '../../lib/common/span.ts';
import { boxTable } from '../../lib/common/table.ts';
import type { HostStatus } from '../../lib/monitoring/host-status.ts';
import { checkText } from '../cli/text/status.ts';
import { type HostReport, isRed, pruneOf } from './host-report.ts';

const head = [
  'host',
  'state',
  'last success',
  'age',
  'metrics',
  'changed',
  'failed',
  'bytes',
  'took',
  'next timer',
  'locks',
  'version',
];

/** These columns are aligned to the right. */
const figures = new Set(['age', 'metrics', 'changed', 'failed', 'bytes', 'took']);

/** Lines of the table before the first host. */
const HEAD_LINES = 3;

/** Formats the hosts of a fleet as a table, followed by the reasons for red hosts, and by failed checks and prunes. */
export function fleetTable(
  reports: readonly HostReport[],
  { color, now }: { readonly color: boolean; readonly now: Date },
): string {
  const right = [...head.keys()].filter((column) => figures.has(head[column] ?? ''));
  const prunes = reports.map((report) => pruneOf(report, now));
  // Only hosts that must not delete are pruned by another one.
  const isPruned = prunes.some((prune) => prune !== undefined);
  const rows = reports.map((report, index) =>
    [...cellsOf(report), ...(isPruned ? [prunes[index]?.text ?? '-'] : [])].map(printable),
  );
  const lines = boxTable([...head, ...(isPruned ? ['pruned'] : [])], rows, right).map((line, index) => {
    const report = reports[index - HEAD_LINES];
    return color && report && isRed(report) ? red(line) : line;
  });
  const reds = reports.filter(isRed);
  const reasons = reds.map((report) => {
    const line = printable(`${report.name}: ${reasonOf(report)}`);
    return `${color ? red(line) : line}\n`;
  });
  const problems = reports.flatMap(({ name }, index) => {
    const { problem } = prunes[index] ?? {};
    return problem === undefined ? [] : [`${name}: ${problem}`];
  });
  const checks = [...reports.flatMap(failedChecks), ...problems].map((line) => `${printable(line)}\n`);
  const count = `${reports.length} hosts, ${reds.length === 0 ? 'all healthy' : `${reds.length} red`}\n`;
  return `${lines.join('\n')}\n${reasons.join('')}${checks.join('')}${count}`;
}

function cellsOf(report: HostReport): readonly string[] {
  if (!('status' in report))
    return [report.name, 'unreachable' in report ? 'unreachable' : 'no status', ...head.slice(2).map(() => '-')];
  const { name, status } = report;
  return [
    name,
    status.source === 'bucket' ? `dead, ${status.state}` : status.state,
    timeText(status.lastSuccess),
    cellOf(status.ageSeconds, (seconds) => spanText(seconds)),
    cellOf(status.metrics, String),
    cellOf(status.stored, String),
    cellOf(status.failed, String),
    cellOf(status.bytes, (bytes) => prettyBytes(bytes, { binary: true })),
    cellOf(status.seconds, (seconds) => spanText(seconds)),
    timeText(status.nextTimer),
    status.lockWrites === null ? '-' : status.lockWrites ? 'on' : 'OFF',
    status.program ?? '-',
  ];
}

function reasonOf(report: HostReport): string {
  if ('unreachable' in report) return report.unreachable;
  if ('noStatus' in report) return report.noStatus;
  const { status } = report;
  const dead = status.source === 'bucket' ? 'does not respond; according to its bucket: ' : '';
  return dead + stateReason(status);
}

function stateReason({ state, ageSeconds, problems }: HostStatus): string {
  if (problems.length > 0) return problems.join('; ');
  // Older releases report no problems.
  return state === 'unknown' ? 'no success is on record' : `${state}, last success ${spanText(ageSeconds ?? 0)} ago`;
}

/** A failed verify or drill does not make a host red, because its last backup is unaffected. */
function failedChecks(report: HostReport): readonly string[] {
  if (!('status' in report)) return [];
  const { name, status } = report;
  return (['verify', 'drill'] as const).flatMap((check) => {
    const failed = status[check]?.failed;
    return failed ? [`${name}: the last ${check} that failed: ${checkText(failed)}`] : [];
  });
}

function cellOf(value: number | null, format: (value: number) => string): string {
  return value === null ? '-' : format(value);
}

function timeText(time: string | null): string {
  return time === null ? '-' : `${time.slice(0, 16).replace('T', ' ')} UTC`;
}

function red(text: string): string {
  return `\x1b[31m${text}\x1b[39m`;
}
