import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Machine } from '../lib/options.ts';

/** Who this machine is: /etc/machine-id, or the host name where there is none. */
export async function thisMachine(): Promise<Machine> {
  const host = hostname();
  const id = await readFile('/etc/machine-id', 'utf8').catch(() => '');
  return { id: id.trim() || host, host };
}
