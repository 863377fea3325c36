import { hostname } from 'node:os';
import type { Machine } from '../../../lib/common/options.ts';
import { readRegularFile } from '../../../lib/system/regular-file.ts';

/** Identifies this machine by /etc/machine-id, or by its host name if there is none. */
export async function thisMachine(): Promise<Machine> {
  const host = hostname();
  const id = await readRegularFile('/etc/machine-id').catch(() => '');
  return { id: id.trim() || host, host };
}
