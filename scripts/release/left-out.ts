import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { Architecture } from './architecture.ts';

const Names = v.optional(v.union([v.string(), v.array(v.string())]), []);

/** What of npm's lock file, version 3, tells whether a package belongs on a host. */
const Lock = v.object({
  packages: v.record(
    v.string(),
    v.object({
      dev: v.optional(v.boolean()),
      devOptional: v.optional(v.boolean()),
      os: Names,
      cpu: Names,
      libc: Names,
    }),
  ),
});

/**
 * npm says nothing when an optional package, as all native parts are, cannot be fetched or has the wrong hash: it leaves
 * it out. This tells which of a lock file's packages for a Linux host are not there.
 *
 * @param directory of package-lock.json and node_modules.
 * @returns their paths.
 */
export async function leftOut(directory: string, architecture: Architecture): Promise<readonly string[]> {
  const { packages } = v.parse(Lock, JSON.parse(await readFile(join(directory, 'package-lock.json'), 'utf8')));
  const paths = Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && dev !== true && devOptional !== true)
    .filter(([, { os, cpu, libc }]) => allows(os, 'linux') && allows(cpu, architecture) && allows(libc, 'glibc'))
    .map(([path]) => path);
  const found = await Promise.all(
    paths.map((path) => stat(join(directory, path, 'package.json')).catch(() => undefined)),
  );
  return paths.filter((_, index) => found[index] === undefined);
}

/** By the rules of package.json: some are named, or some are excluded with a `!`, or all are meant. */
function allows(names: string | readonly string[], name: string): boolean {
  const all = [names].flat();
  if (all.includes(`!${name}`)) return false;
  return all.includes(name) || all.every((one) => one.startsWith('!'));
}
