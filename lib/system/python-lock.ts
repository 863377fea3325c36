import { readdir, readFile, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { codeOf } from '../common/errors.ts';

/*
 * The lock of the Python tool, as its library `lockfile` (LinkLockFile) takes it: a process makes an empty file with a name
 * of its own beside the lock and links it to the name of the lock, which fails while that exists. So a lock that is held is
 * an empty file with two names. It is released by removing first its own name, then that of the lock.
 * https://pylockfile.readthedocs.io
 */

/** Whether a file at the name of a lock is one that a process of the Python tool has taken, be it alive or dead. */
export function isPythonLock({ size, nlink }: { readonly size: number; readonly nlink: number }): boolean {
  return size === 0 && nlink > 1;
}

/**
 * The other name of a lock that a process of the Python tool took, if that process has ended without releasing it.
 *
 * @param path of the lock.
 * @returns undefined when the process is alive, or where that cannot be decided: it ran on another host, or its file is
 *   not to be found.
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
 * The process ids that a file's own name may stand for: `<host>-<thread>.<pid><hash>`. The hash is a number of 64 bits, or
 * is missing, as in old versions; where it has no sign, nothing separates it from the process id.
 *
 * @param rest of the name, behind the host.
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

/** Whether a process is there that may be the Python tool: another program has its number only after it ended. */
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
    // It may be one that we are not shown.
    return true;
  }
}
