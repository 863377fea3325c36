import type { Architecture } from './architecture.ts';
import { command } from './command.ts';
import { leftOut } from './left-out.ts';

/** These read and build TypeScript. A release is built, and its Node reads TypeScript by itself. */
const BUILD_TOOLS = ['esbuild', 'tsx'];

/**
 * Installs what the lock file says, each package checked against its hash, for another processor than this one's too.
 * No script of a package is run.
 *
 * @param directory of package.json and package-lock.json.
 * @throws Error when a package is not to be had as the lock file names it.
 */
export async function install(directory: string, architecture: Architecture): Promise<void> {
  await npm(directory, architecture, ['ci', '--omit=dev']);
  const [missing] = await leftOut(directory, architecture);
  if (missing === undefined) return;
  throw new Error(
    `Cannot make a release for ${architecture}: npm left out ${missing}: it cannot be fetched, or its hash is not that of package-lock.json`,
  );
}

/** Takes out what only a checkout needs, and all that only that needs. */
export async function removeBuildTools(
  directory: string,
  architecture: Architecture,
  development: readonly string[],
): Promise<void> {
  // npm ci keeps a package of development that is also an optional peer of another one.
  await npm(directory, architecture, ['uninstall', '--offline', '--omit=dev', ...BUILD_TOOLS, ...development]);
}

/** The libc is that of Debian, Ubuntu and Red Hat: Node's own builds are for no other. */
async function npm(directory: string, architecture: Architecture, args: readonly string[]): Promise<void> {
  const target = ['--os=linux', `--cpu=${architecture}`, '--libc=glibc'];
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await command('npm', [...args, ...target, ...quietly], directory);
}
