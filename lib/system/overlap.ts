import { readFile, realpath } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { isSameDirectory } from './same-directory.ts';

type Overlap = 'same' | 'inside' | 'around';

interface Location {
  readonly real: string;
  /** The device and the path on it, which do not depend on where it is mounted. */
  readonly physical: string | undefined;
}

/**
 * Checks whether two directories overlap, also through links and bind mounts. For a missing directory the check uses
 * the place where it would be created.
 *
 * @param mountinfo content of /proc/self/mountinfo. @default that of this process
 * @returns `inside` if `a` is in `b`, `around` if `b` is in `a`, undefined if they do not overlap.
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

/** Resolves links in a path whose last parts may be missing. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    // Other errors are reported when the directory is used.
    return join(await realPathOf(dirname(path)), relative(dirname(path), path));
  }
}

interface Mount {
  readonly device: string;
  /** The mounted directory of the file system; undefined if the kernel does not report it. */
  readonly root: string | undefined;
  readonly point: string;
}

/** @see https://www.kernel.org/doc/html/latest/filesystems/proc.html (3.5 mountinfo) */
function mountsOf(mountinfo: string): readonly Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [, , device, root, point] = line.split(' ').map(unescapeOctal);
    if (device === undefined || root === undefined || point === undefined) return [];
    // NFS reports `/` for every directory of an export, and all mounts of it share one device.
    return [{ device, root: / - nfs4? /.test(line) ? undefined : root, point }];
  });
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
