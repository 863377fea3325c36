import type { Architecture } from './architecture.ts';
import { command } from './command.ts';
import { leftOut } from './left-out.ts';

/** Only needed to read and build TypeScript. A release is already built. */
const BUILD_TOOLS = ['esbuild', 'tsx'];

/**
 * Installs the packages of the lock file for an architecture, which may differ from this machine's. npm checks each
 * hash. Package scripts are not run.
 *
 * @param directory of package.json and package-lock.json.
 * @throws Error if a package is missing afterwards.
 */
export async function install(directory: string, architecture: Architecture): Promise<void> {
  await npm(directory, architecture, ['ci', '--omit=dev']);
  const [missing] = await leftOut(directory, architecture);
  if (missing === undefined) return;
  throw new Error(
    `Cannot make a release for ${architecture}: npm skipped ${missing}: it cannot be fetched, or its hash differs from package-lock.json`,
  );
}

/** Removes packages that only a checkout needs, with their dependencies. */
export async function removeBuildTools(
  directory: string,
  architecture: Architecture,
  development: readonly string[],
): Promise<void> {
  // npm ci keeps a development package that is also an optional peer of another package.
  await npm(directory, architecture, ['uninstall', '--offline', '--omit=dev', ...BUILD_TOOLS, ...development]);
}

/** Packages are for glibc, as Node's own builds are. */
async function npm(directory: string, architecture: Architecture, args: readonly string[]): Promise<void> {
  const target = ['--os=linux', `--cpu=${architecture}`, '--libc=glibc'];
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await command('npm', [...args, ...target, ...quietly], directory);
}
