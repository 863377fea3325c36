import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { Architecture } from './architecture.ts';

const Names = v.optional(v.union([v.string(), v.array(v.string())]), []);

/** The parts of npm's lock file (version 3) that decide whether a package belongs on a host. */
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
 * Lists the packages of a lock file that a Linux host needs and that are missing. npm silently omits an optional package
 * that cannot be fetched or has a wrong hash, and all native parts are optional packages.
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

/** Applies the rules of package.json: a list of allowed names, of names excluded with `!`, or nothing for all. */
function allows(names: string | readonly string[], name: string): boolean {
  const all = [names].flat();
  if (all.includes(`!${name}`)) return false;
  return all.includes(name) || all.every((one) => one.startsWith('!'));
}
