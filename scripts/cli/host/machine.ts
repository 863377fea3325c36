import { hostname } from 'node:os';
import type { Machine } from '../../../lib/common/options.ts';
import { readRegularFile } from '../../../lib/system/regular-file.ts';

/** Who this machine is: /etc/machine-id, or the host name where there is none. */
export async function thisMachine(): Promise<Machine> {
  const host = hostname();
  const id = await readRegularFile('/etc/machine-id').catch(() => '');
  return { id: id.trim() || host, host };
}
