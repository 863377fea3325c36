import { parseArgs } from 'node:util';
import { reasonOf } from '../lib/common/errors.ts';
import { jsonLine, printable } from '../lib/common/printable.ts';
import { mayColor } from './cli/io/terminal.ts';
import { fleetTable } from './fleet/fleet-table.ts';
import { isRed, pruneOf, readHostReports } from './fleet/host-report.ts';

/*
 * `fleet-status.ts DIR [HOST...] [--json]`: prints the statuses of a fleet, collected in a directory as `<host>.json`. A
 * named host without a file is red. Exits with 1 if a host is red, and with 2 if there is no status at all.
 */

try {
  const { values, positionals } = parseArgs({ options: { json: { type: 'boolean' } }, allowPositionals: true });
  const [directory, ...expected] = positionals;
  if (directory === undefined) throw new Error('Usage: fleet-status.ts DIR [HOST...] [--json]');
  const reports = await readHostReports(directory, expected);
  if (reports.length === 0) throw new Error(`No status in ${directory}: it has no file <host>.json`);
  const color = mayColor(process.env, process.stdout.isTTY === true);
  const now = new Date();
  const rows = reports.map((report) => {
    const { name, prune: _, ...facts } = report;
    const prune = pruneOf(report, now);
    return {
      name,
      red: isRed(report),
      ...('status' in facts ? facts.status : facts),
      ...(prune && { prune: prune.last, pruneProblem: prune.problem ?? null }),
    };
  });
  process.stdout.write(values.json === true ? jsonLine(rows) : fleetTable(reports, { color, now }));
  process.exitCode = reports.some(isRed) ? 1 : 0;
} catch (error) {
  process.stderr.write(`${printable(reasonOf(error))}\n`);
  process.exitCode = 2;
}
