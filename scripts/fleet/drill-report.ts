import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Count } from '../../lib/common/codes.ts';
import { WhisperBackupError } from '../../lib/common/errors.ts';
import { printable } from '../../lib/common/printable.ts';
import { spanText } from '../../lib/common/span.ts';
import { boxTable } from '../../lib/common/table.ts';
import type { DrillSummary } from '../../lib/operations/drill/report.ts';
import { readRegularFile } from '../../lib/system/regular-file.ts';

/**
 * Formats the reports `<host>.json` of a drill as a table.
 *
 * @param since older reports are ignored.
 * @throws WhisperBackupError `NO_REPORTS` if there are none, `DRILL_FAILED` if the drill of a host failed.
 */
export async function drillReport(directory: string, since: Date): Promise<string> {
  const rows: string[][] = [];
  const bad: string[] = [];
  for (const name of (await readdir(directory).catch(() => [])).sort()) {
    const file = join(directory, name);
    // File timestamps may be slightly behind the clock.
    if (!name.endsWith('.json') || (await stat(file)).mtimeMs < since.getTime() - 1000) continue;
    const host = name.slice(0, -'.json'.length);
    const { isWell, row } = rowOf(parse(await readRegularFile(file)));
    rows.push([printable(host), ...row]);
    if (!isWell) bad.push(host);
  }
  if (rows.length === 0)
    throw new WhisperBackupError('NO_REPORTS', `No reports of this drill in ${directory}: no host has sent one`);
  const figures = HEAD.map((_, column) => column).slice(1);
  const text = boxTable(HEAD, rows, figures).join('\n');
  if (bad.length === 0) return text;
  throw new WhisperBackupError('DRILL_FAILED', `The drill failed on ${bad.join(', ')}:\n${text}`);
}

const HEAD = ['host', 'metrics', 'same', 'differ', 'damaged', 'failed', 'RPO max', 'median', 'RTO', 'whole host'];

/** Parses the output of `drill --json`; empty if the drill did not get that far. */
function parse(text: string): Partial<DrillSummary> {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function rowOf({ counts = {}, drill, stopped }: Partial<DrillSummary>): {
  readonly isWell: boolean;
  readonly row: string[];
} {
  const count = (name: Count) => counts[name] ?? 0;
  const isWell =
    drill !== undefined && stopped === undefined && count('differing') + count('damaged') + count('failed') === 0;
  const figures = (['metrics', 'same', 'differing', 'damaged', 'failed'] as const).map((name) => String(count(name)));
  const { rpo, rto, estimate } = drill ?? {};
  return {
    isWell,
    row: [
      ...figures,
      rpo ? span(rpo.maxSeconds) : '-',
      rpo ? span(rpo.medianSeconds) : '-',
      rto ? span(rto.seconds) : '-',
      estimate ? span(Math.max(estimate.secondsByBytes, estimate.secondsByMetrics)) : '-',
    ],
  };
}

function span(seconds: number): string {
  return spanText(seconds, { decimals: 1 });
}
