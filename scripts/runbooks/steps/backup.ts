import { join } from 'node:path';
import { fleetTable } from '../../fleet/fleet-table.ts';
import { readHostReports } from '../../fleet/host-report.ts';
import type { Fleet } from '../engine/fleet.ts';
import type { Step } from '../engine/runbook.ts';

/** Starts the host's own backup service and waits for it. */
export function backupStep(fleet: Fleet, host: string, about: { readonly id: string; readonly why: string }): Step {
  return { id: about.id, title: `Back up ${host}: ${about.why}`, commands: [fleet.playbook('run', host)] };
}

/** Shows the status table of a host. */
export function statusStep(fleet: Fleet, host: string): Step {
  return {
    id: 'status',
    title: `Show the status of ${host}`,
    commands: [fleet.playbook('status', host, { fleet_dir: fleet.directory })],
    report: async () => {
      const reports = await readHostReports(join(fleet.directory, 'status')).catch(() => []);
      const its = reports.filter(({ name }) => name === host);
      return its.length === 0 ? `No status of ${host}` : fleetTable(its, { color: false, now: new Date() });
    },
  };
}
