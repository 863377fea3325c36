import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sha256Of, sumLine, writeSums } from '../../scripts/release/sums.ts';
import type { Scratch } from '../fixtures/scratch.ts';
import { runCommand } from '../hosts/command.ts';

/** The same program as another version: in a fraction of the time that it takes to make one. */
export async function asVersion(tarball: string, version: string, out: string): Promise<string> {
  const name = basename(tarball, '.tar.gz').replace(/-backup-.*-linux-/, `-backup-${version}-linux-`);
  const top = join(out, name);
  await mkdir(top, { recursive: true });
  await tar(['-xzf', tarball, '--strip-components=1', '-C', top]);
  await writeFile(join(top, 'VERSION'), `${version}\n`);
  const manifest = join(top, 'app/package.json');
  await writeFile(manifest, JSON.stringify({ ...JSON.parse(await readFile(manifest, 'utf8')), version }));
  await rm(join(top, 'SHA256SUMS'));
  await writeSums(top);
  const result = join(out, `${name}.tar.gz`);
  await tar(['-cf', result, '--use-compress-program=gzip -1', '-C', out, name]);
  await writeFile(`${result}.sha256`, sumLine(await sha256Of(result), basename(result)));
  await rm(top, { recursive: true });
  return result;
}

/** A release of which a file is another than its sums say. @returns the path of its tarball. */
export async function brokenRelease(scratch: Scratch): Promise<string> {
  const name = `whisper-backup-9.9.9-linux-${process.arch}`;
  await mkdir(scratch.at(name));
  await writeFile(scratch.at(name, 'VERSION'), '9.9.9\n');
  await writeFile(scratch.at(name, 'SHA256SUMS'), `${'0'.repeat(64)}  VERSION\n`);
  const result = scratch.at(`${name}.tar.gz`);
  await tar(['-czf', result, '-C', scratch.path, name]);
  await writeFile(`${result}.sha256`, sumLine(await sha256Of(result), basename(result)));
  return result;
}

async function tar(args: readonly string[]): Promise<void> {
  const { code, stderr } = await runCommand(['tar', ...args]);
  if (code !== 0) throw new Error(stderr);
}
