import { copyFile, cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Architecture } from './architecture.ts';
import { install } from './packages.ts';

/** The Node.js of a release. */
export interface Runtime {
  /** Name of the npm package. */
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/**
 * Adds Node and its license to a release, from npm, with the version and hash of `runtime/package-lock.json`. The lock
 * file is separate so that a checkout never installs it.
 *
 * @param workspace an empty directory for npm.
 */
export async function addRuntime(architecture: Architecture, workspace: string, release: string): Promise<Runtime> {
  await cp(fileURLToPath(new URL('runtime', import.meta.url)), workspace, { recursive: true });
  await install(workspace, architecture);
  const name = `node-linux-${architecture}`;
  const from = join(workspace, 'node_modules', name);
  await mkdir(join(release, 'runtime'));
  await copyFile(join(from, 'bin/node'), join(release, 'runtime/node'));
  await copyFile(join(from, 'LICENSE'), join(release, 'runtime/LICENSE'));
  const { version, license } = JSON.parse(await readFile(join(from, 'package.json'), 'utf8'));
  return { name, version: String(version), license: String(license) };
}
