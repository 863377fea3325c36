import prettyBytes from 'pretty-bytes';
import type { Damaged, Named, Summary } from '../../../lib/common/summary.ts';
import type { DrillSummary } from '../../../lib/operations/drill/report.ts';
import type { Log } from '../io/log.ts';
import { drillLines } from './drill.ts';
import { restoreLines } from './restore.ts';

/** Maximum metrics per kind on the terminal if a log file has them all. Without a log file, all failed ones are listed. */
const MAX_LISTED = 20;

/** Logs what failed, was skipped or was stopped, and then the figures in one line. */
export function logSummary(summary: Summary, log: Log): void {
  logNamed('skipped', summary.skipped, summary.counts['skipped'], 'info', log);
  logNamed('note', summary.notes, undefined, 'info', log);
  logNamed('failed', summary.failed, summary.counts['failed'], 'warn', log);
  logNamed(
    'damaged',
    (summary.damaged ?? []).map((damaged) => namedOf(damaged, summary.dryRun)),
    summary.counts['damaged'],
    'warn',
    log,
  );
  if (summary.stopped !== undefined) log.error(summary.stopped.message);
  if (summary.command === 'restore') for (const line of restoreLines(summary)) log.info(line);
  if (isDrill(summary)) for (const line of drillLines(summary.drill)) log.info(line);
  log.info(headline(summary));
}

/** Counts that are printed even if they are 0. */
const ALWAYS = new Set(['metrics', 'filled', 'failed', 'damaged']);

/** Returns `backup of disk:/srv/backups in 12.3 s: metrics 100, stored 10, unchanged 90, failed 0`. */
export function headline({ command, store, seconds, dryRun, counts }: Summary): string {
  const counted = Object.entries(counts).filter(([name, value]) => value !== 0 || ALWAYS.has(name));
  const figures = counted.map(([name, value]) =>
    figure(command === 'fill' && name === 'filled' ? 'pointsFilled' : name, value),
  );
  const of = store === '' ? '' : ` of ${store}`;
  const dry = command === 'drill' ? '(dry run, nothing was fetched or compared) ' : '(dry run, nothing was written) ';
  return `${command}${of} ${dryRun ? dry : ''}in ${seconds.toFixed(1)} s: ${figures.join(', ')}`;
}

/** Formats `KEY: problem; a restore can use OLDER KEY instead`. */
function namedOf({ metric, code, key, reason, instead, movedTo, removed = [] }: Damaged, dryRun: boolean): Named {
  const older = instead ? `${instead.key}${instead.read ? '' : ' (which was not read)'}` : 'nothing';
  const moved = movedTo === undefined ? '' : `; ${dryRun ? 'would be moved' : 'moved'} to ${movedTo}`;
  const deleted = removed
    .map((gone) => `; ${dryRun ? 'would delete' : 'deleted'} ${gone}, whose object is gone`)
    .join('');
  return { metric, code, reason: `${key}: ${reason}; a restore can use ${older} instead${moved}${deleted}` };
}

function figure(name: string, value: number): string {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return /bytes/i.test(name) ? `${words} ${prettyBytes(value, { binary: true })}` : `${words} ${value}`;
}

function logNamed(
  kind: string,
  named: readonly Named[],
  total: number | undefined,
  level: 'info' | 'warn',
  log: Log,
): void {
  const listed = level === 'info' || log.isKept ? MAX_LISTED : Number.POSITIVE_INFINITY;
  named.forEach(({ metric, target, reason }, index) => {
    const line = `${kind}: ${metric}${target === undefined ? '' : ` -> ${target}`}: ${reason}`;
    log.toFiles(level, line);
    if (index < listed) log.toTerminal(level, line);
  });
  const all = Math.max(total ?? 0, named.length);
  const more = all - Math.min(listed, named.length);
  if (more > 0) log.toTerminal(level, `${kind}: and ${more} more: see ${log.isKept ? 'the log file or ' : ''}--json`);
}

function isDrill(summary: Summary): summary is DrillSummary {
  return summary.command === 'drill' && 'drill' in summary;
}
