import { parseArgs } from 'node:util';
import { reasonOf } from '../lib/common/errors.ts';
import { jsonLine, printable } from '../lib/common/printable.ts';
import { mayColor } from './cli/io/terminal.ts';
import { fleetTable } from './fleet/fleet-table.ts';
import { isRed, readHostReports } from './fleet/host-report.ts';

/*
 * `fleet-status.ts DIR [HOST...] [--json]`: the hosts of a fleet at a glance, from the statuses that were gathered in a
 * directory, `<host>.json` each. A host that is named and has none is red. It ends with 1 when a host is red, and with 2 when there is nothing to tell.
 */

try {
  const { values, positionals } = parseArgs({ options: { json: { type: 'boolean' } }, allowPositionals: true });
  const [directory, ...expected] = positionals;
  if (directory === undefined) throw new Error('Usage: fleet-status.ts DIR [HOST...] [--json]');
  const reports = await readHostReports(directory, expected);
  if (reports.length === 0) throw new Error(`There is no status in ${directory}: no file <host>.json`);
  const color = mayColor(process.env, process.stdout.isTTY === true);
  const rows = reports.map((report) => {
    const { name } = report;
    const { name: _, ...facts } = report;
    return { name, red: isRed(report), ...('status' in report ? report.status : facts) };
  });
  process.stdout.write(values.json === true ? jsonLine(rows) : fleetTable(reports, { color }));
  process.exitCode = reports.some(isRed) ? 1 : 0;
} catch (error) {
  process.stderr.write(`${printable(reasonOf(error))}\n`);
  process.exitCode = 2;
}
