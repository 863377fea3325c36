import { readdir, readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { codeOf } from '../common/errors.ts';

/*
 * The lock of the Python tool, as its library `lockfile` (LinkLockFile) takes it: a process creates an empty file with
 * a unique name beside the lock and links it to the name of the lock, which fails if that exists. So a held lock is an
 * empty file with two names. To release it, the process removes first the unique name, then that of the lock.
 * https://pylockfile.readthedocs.io
 */

/** Returns whether a lock file was created by a process of the Python tool, which may have ended since. */
export function isPythonLock({ size, nlink }: { readonly size: number; readonly nlink: number }): boolean {
  return size === 0 && nlink > 1;
}

/**
 * Finds the unique name of a lock whose process of the Python tool has ended without releasing it.
 *
 * @param path path of the lock.
 * @returns undefined if the process is alive, or if this cannot be decided: it ran on another host, or its unique name
 *   was not found.
 */
export async function deadHolder(
  path: string,
  lock: { readonly ino: number; readonly dev: number },
): Promise<string | undefined> {
  const directory = dirname(path);
  const ours = hostname();
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.startsWith(ours)) continue;
    const other = join(directory, name);
    const found = await stat(other).catch(() => undefined);
    if (found?.ino !== lock.ino || found.dev !== lock.dev || other === path) continue;
    const pids = holderPids(name.slice(ours.length));
    if (pids.length === 0) return undefined;
    const alive = await Promise.all(pids.map(isAlive));
    return alive.includes(true) ? undefined : other;
  }
  return undefined;
}

const LARGEST_PID = 4_194_304;
const LARGEST_HASH = 2n ** 63n - 1n;

/**
 * Returns the process ids that the unique name of a lock may contain: `<host>-<thread>.<pid><hash>`. The hash is a
 * signed 64-bit number; old versions omit it. If it is positive, nothing separates it from the process id.
 *
 * @param rest the name after the host.
 */
export function holderPids(rest: string): readonly number[] {
  const [, digits = '', hash] = /^(?:-[\da-f]+)?\.([1-9]\d*)(-\d+)?$/.exec(rest) ?? [];
  const whole = Number(digits);
  if (hash !== undefined || (digits !== '' && whole <= LARGEST_PID)) return whole <= LARGEST_PID ? [whole] : [];
  const lengths = Array.from({ length: Math.min(7, digits.length) }, (_, index) => index + 1);
  return lengths
    .filter((length) => !/^0./.test(digits.slice(length)) && BigInt(digits.slice(length) || '0') <= LARGEST_HASH)
    .map((length) => Number(digits.slice(0, length)))
    .filter((pid) => pid <= LARGEST_PID);
}

/** Checks for a process that may be the Python tool. If another program has the process id, the tool has ended. */
async function isAlive(pid: number): Promise<boolean> {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  try {
    return /python|pypy|whisper/i.test(await readFile(`/proc/${pid}/cmdline`, 'latin1'));
  } catch {
    // The process may be hidden from this user.
    return true;
  }
}
