import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import Table from 'cli-table3';
import type { Count } from '../../lib/common/codes.ts';
import { WhisperBackupError } from '../../lib/common/errors.ts';
import { printable } from '../../lib/common/printable.ts';
import type { DrillSummary } from '../../lib/operations/drill/report.ts';
import { readRegularFile } from '../../lib/system/regular-file.ts';
import { span } from '../cli/text/drill.ts';

/**
 * The table of the reports that a drill has fetched from the hosts: `<host>.json` each.
 *
 * @param since older reports are left out.
 * @throws WhisperBackupError `NO_REPORTS` when there is none, `DRILL_FAILED` when a host did not come out well.
 */
export async function drillReport(directory: string, since: Date): Promise<string> {
  const rows: string[][] = [];
  const bad: string[] = [];
  for (const name of (await readdir(directory).catch(() => [])).sort()) {
    const file = join(directory, name);
    // The clock of files may lag behind by a tick.
    if (!name.endsWith('.json') || (await stat(file)).mtimeMs < since.getTime() - 1000) continue;
    const host = name.slice(0, -'.json'.length);
    const { isWell, row } = rowOf(parse(await readRegularFile(file)));
    rows.push([host, ...row]);
    if (!isWell) bad.push(host);
  }
  if (rows.length === 0)
    throw new WhisperBackupError('NO_REPORTS', `No host has sent a report of this drill to ${directory}`);
  const text = tableOf(rows);
  if (bad.length === 0) return text;
  throw new WhisperBackupError('DRILL_FAILED', `${bad.join(', ')} did not come out well:\n${text}`);
}

const HEAD = ['host', 'metrics', 'same', 'differ', 'damaged', 'failed', 'RPO max', 'median', 'RTO', 'whole host'];

/** What `drill --json` printed; nothing when it did not come so far. */
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

function tableOf(rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...HEAD],
    colAligns: HEAD.map((name) => (name === 'host' ? 'left' : 'right')),
    // Its own colours do not ask whether there is a terminal.
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) table.push(row.map(printable));
  return table.toString();
}
