import { readFile, realpath } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { isSameDirectory } from './same-directory.ts';

/** How two directories overlap: they are the same, or one is inside the other. */
export type Overlap = 'same' | 'inside' | 'around';

/** Where a directory is: its path without links, and the same on its file system, whatever it is mounted as. */
interface Location {
  readonly real: string;
  readonly physical: string | undefined;
}

/**
 * Whether two directories overlap, by whatever links and bind mounts they are reached. Either may be missing: then it is
 * where it would be created.
 *
 * @param mountinfo what is mounted where. @default that of this process
 * @returns how `a` overlaps `b`: `inside` when it is in it, `around` when `b` is in it; undefined if they are apart.
 */
export async function overlapOf(a: string, b: string, mountinfo?: string): Promise<Overlap | undefined> {
  const mounts = mountsOf(mountinfo ?? (await readFile('/proc/self/mountinfo', 'utf8').catch(() => '')));
  const [one, other] = await Promise.all([locate(a, mounts), locate(b, mounts)]);
  const [isInside, isAround] = await Promise.all([isWithin(one, other), isWithin(other, one)]);
  if (isInside && isAround) return 'same';
  if (isInside) return 'inside';
  return isAround ? 'around' : undefined;
}

async function isWithin(inner: Location, outer: Location): Promise<boolean> {
  if (isBelow(inner.real, outer.real)) return true;
  if (inner.physical !== undefined && outer.physical !== undefined && isBelow(inner.physical, outer.physical))
    return true;
  for (let at = inner.real; ; at = dirname(at)) {
    if (await isSameDirectory(at, outer.real)) return true;
    if (at === dirname(at)) return false;
  }
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}

async function locate(path: string, mounts: readonly Mount[]): Promise<Location> {
  const real = await realPathOf(resolve(path));
  const mount = mounts.findLast(
    ({ point }) => isBelow(real, point) && !mounts.some((other) => isDeeper(other, point, real)),
  );
  const physical = mount?.root && `${mount.device}:${join(mount.root, relative(mount.point, real))}`;
  return { real, physical };
}

function isDeeper({ point }: Mount, than: string, path: string): boolean {
  return point.length > than.length && isBelow(path, point);
}

/** The path without links, of which the last parts may be missing. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    // Whoever uses it reports what is wrong with it.
    return join(await realPathOf(dirname(path)), relative(dirname(path), path));
  }
}

interface Mount {
  readonly device: string;
  /** What is mounted of its file system; undefined where the kernel does not report it. */
  readonly root: string | undefined;
  readonly point: string;
}

/** @see https://www.kernel.org/doc/html/latest/filesystems/proc.html (3.5 mountinfo) */
function mountsOf(mountinfo: string): readonly Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [, , device, root, point] = line.split(' ').map(unescapeOctal);
    if (device === undefined || root === undefined || point === undefined) return [];
    // NFS reports `/` for every directory of one export, and its mounts share a device.
    return [{ device, root: / - nfs4? /.test(line) ? undefined : root, point }];
  });
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
