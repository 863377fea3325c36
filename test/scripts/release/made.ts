import { execFile } from 'node:child_process';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runTypeScript } from '../../fixtures/runtime.ts';

const exec = promisify(execFile);

const root = fileURLToPath(new URL('../../..', import.meta.url));
const sources = [
  'config',
  'docs',
  'lib',
  'scripts',
  'LICENSE',
  'README.md',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
];

/** When the releases of tests are from, in seconds since 1970. */
export const DATE = 1_700_000_000;

export const VERSION = '1.0.0-test.1';

/** What `test/run.mjs` sets, if it has made the release. */
const SHARED = 'TEST_RELEASE';

/**
 * The release of this checkout for this machine, made once for all test files of a run.
 *
 * @param place where to make it, if nobody has.
 * @returns the directory of its tarball.
 */
export async function sharedRelease(place: string): Promise<string> {
  return process.env[SHARED] ?? make({ place, arch: process.arch, version: VERSION });
}

/** Makes it for all files of a run. @returns what {@link sharedRelease} reads. */
export async function shareRelease(place: string): Promise<Readonly<Record<string, string>>> {
  return { [SHARED]: await make({ place, arch: process.arch, version: VERSION }) };
}

/** The name of a release of {@link VERSION}, without `.tar.gz`. */
export function nameOf(arch: string): string {
  return `whisper-backup-${VERSION}-linux-${arch}`;
}

export interface MakeOptions {
  /** Where a copy of the sources is made, to build it there. */
  readonly place: string;
  readonly arch: string;
  readonly version: string;
  /** Of who builds, in octal. @default 022 */
  readonly umask?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Makes a release from a copy of the sources that has no git and no packages of its own.
 *
 * @returns the tarballs' directory.
 */
export async function make({ place, arch, version, umask = '022', env }: MakeOptions): Promise<string> {
  await mkdir(place, { recursive: true });
  for (const name of sources) await cp(join(root, name), join(place, name), { recursive: true });
  // What the program that makes releases itself needs; the releases must have nothing of it.
  await symlink(join(root, 'node_modules'), join(place, 'node_modules'));
  const command = [process.execPath, ...runTypeScript, 'scripts/dist.ts', '--arch', arch, '--version', version];
  await exec('/bin/sh', ['-c', `umask ${umask}; exec "$@"`, 'sh', ...command], {
    cwd: place,
    env: { ...process.env, SOURCE_DATE_EPOCH: String(DATE), ...env },
  });
  return join(place, 'dist/release');
}

/** Unpacks a tarball as it is done on a host. @returns its one directory. */
export async function unpack(tarball: string, directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  await exec('tar', ['-xzf', tarball, '-C', directory]);
  const { stdout } = await exec('ls', [directory]);
  return join(directory, stdout.trim());
}
