import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';

/** Whether two paths have the same name, or lead to the same directory now, by whatever links or bind mounts. */
export async function isSameDirectory(a: string, b: string): Promise<boolean> {
  if (resolve(a) === resolve(b)) return true;
  const [one, other] = await Promise.all([a, b].map((path) => stat(path, { bigint: true }).catch(() => undefined)));
  return one !== undefined && other !== undefined && one.dev === other.dev && one.ino === other.ino;
}
