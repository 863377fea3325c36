import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';

/** Returns whether two paths are equal or currently lead to the same directory, also through links and bind mounts. */
export async function isSameDirectory(a: string, b: string): Promise<boolean> {
  if (resolve(a) === resolve(b)) return true;
  const [one, other] = await Promise.all([a, b].map((path) => stat(path, { bigint: true }).catch(() => undefined)));
  return one !== undefined && other !== undefined && one.dev === other.dev && one.ino === other.ino;
}
