import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fleet } from './fleet.ts';
import type { Step } from './step.ts';

/** Starts the host's own service, and waits for it. */
export function backupStep(fleet: Fleet, host: string, about: { readonly id: string; readonly why: string }): Step {
  return { id: about.id, title: `Back up ${host}: ${about.why}`, commands: [fleet.playbook('run', host)] };
}

/** The table of hosts. */
export function statusStep(fleet: Fleet, host: string): Step {
  return {
    id: 'status',
    title: `Show the status of ${host}`,
    commands: [fleet.playbook('status', host, { fleet_dir: fleet.directory })],
    tell: () => told(join(fleet.directory, 'status', `${host}.json`)),
  };
}

/** The report as it came, without braces: its names say what is what. */
async function told(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => 'no status');
  return text.trim().replace(/[{}"]/g, '').replaceAll(',', ', ');
}
