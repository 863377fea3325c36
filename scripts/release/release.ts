import { chmod, cp, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Architecture } from './architecture.ts';
import { bundle } from './bundle.ts';
import { commitTime } from './commit-time.ts';
import { checkNativeFiles } from './elf.ts';
import { install, removeBuildTools } from './packages.ts';
import { prune } from './prune.ts';
import { addRuntime } from './runtime.ts';
import { sbom } from './sbom.ts';
import { copySources } from './sources.ts';
import { sha256Of, sumLine, writeSums } from './sums.ts';
import { pack } from './tarball.ts';

export interface ReleaseOptions {
  readonly architecture: Architecture;
  /** @default the version in package.json */
  readonly version?: string;
  /** Directory of the tarball. @default dist/release */
  readonly out?: string;
}

export interface Release {
  /** Path of the tarball. Its hash is in the file of the same name plus `.sha256`. */
  readonly tarball: string;
  readonly sha256: string;
  readonly bytes: number;
}

/**
 * Builds the release for hosts: the built program with its packages, native parts and Node. A host needs only glibc and
 * libstdc++. Equal sources give equal bytes on any machine, so nothing is taken from the checkout's node_modules.
 *
 * @param root the checkout.
 */
export async function makeRelease(root: string, options: ReleaseOptions): Promise<Release> {
  const { architecture, out = join(root, 'dist/release') } = options;
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const version = requireVersion(options.version ?? String(manifest.version));
  const time = await commitTime(root);
  const name = `whisper-backup-${version}-linux-${architecture}`;
  await mkdir(out, { recursive: true });
  const workspace = await mkdtemp(join(out, '.making-'));
  try {
    const sources = join(workspace, 'sources');
    const release = join(workspace, name);
    const app = join(release, 'app');
    await copySources(root, sources);
    await install(sources, architecture);
    await mkdir(app, { recursive: true });
    await bundle(sources, join(app, 'dist'));
    await removeBuildTools(sources, architecture, Object.keys(manifest.devDependencies ?? {}));
    const { scripts, devDependencies, ...rest } = JSON.parse(await readFile(join(sources, 'package.json'), 'utf8'));
    const ownManifest = `${JSON.stringify({ ...rest, version }, undefined, 2)}\n`;
    for (const target of [sources, app]) await writeFile(join(target, 'package.json'), ownManifest);
    const runtime = await addRuntime(architecture, join(workspace, 'runtime'), release);
    const node = join(release, 'runtime/node');
    await writeFile(join(release, 'sbom.cdx.json'), await sbom({ packages: sources, runtime, node, time }));
    await prune(join(sources, 'node_modules'));
    for (const part of ['config', 'lib', 'scripts', 'node_modules']) await rename(join(sources, part), join(app, part));
    for (const part of ['LICENSE', 'README.md', 'docs']) await rename(join(sources, part), join(release, part));
    await writeFile(join(release, 'VERSION'), `${version}\n`);
    await mkdir(join(release, 'bin'));
    await cp(fileURLToPath(new URL('./launcher.sh', import.meta.url)), join(release, 'bin/whisper-backup'));
    await chmod(join(release, 'bin/whisper-backup'), 0o755);
    await checkNativeFiles(release, architecture);
    await writeSums(release);
    return await publish(release, join(out, `${name}.tar.gz`), time);
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
}

async function publish(release: string, tarball: string, time: number): Promise<Release> {
  await pack(release, tarball, time);
  const sha256 = await sha256Of(tarball);
  await writeFile(`${tarball}.sha256`, sumLine(sha256, basename(tarball)));
  return { tarball, sha256, bytes: (await stat(tarball)).size };
}

/** The version becomes part of file names. */
function requireVersion(version: string): string {
  if (/^\d[\w.+~-]*$/.test(version)) return version;
  throw new Error(`Cannot make a release: --version must be like 1.2.3 or 1.2.3-beta.4: got "${version}"`);
}
