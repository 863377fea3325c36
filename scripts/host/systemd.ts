import { stat } from 'node:fs/promises';

/** Whether systemd runs this host: sd_booted(3). */
export async function hasSystemd(): Promise<boolean> {
  return stat('/run/systemd/system').then(
    () => true,
    () => false,
  );
}
