import { cp, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from './command.ts';
import { filesBelow } from './files.ts';

const NEEDED = [
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

/** Scripts that build, measure or demonstrate the program and do not belong on hosts. */
const NOT_FOR_HOSTS = /^scripts\/(bench|big-tree|build|demo|dist|docs|figure-docs|release|reliability)/;

/** Copies the sources of a release, without untracked files. */
export async function copySources(root: string, target: string): Promise<void> {
  for (const file of (await sourceFiles(root)).filter((name) => !NOT_FOR_HOSTS.test(name)))
    await cp(join(root, file), join(target, file));
}

/** Lists the files in git, or all files if the directory is not in git. */
async function sourceFiles(root: string): Promise<readonly string[]> {
  const tracked = await command('git', ['ls-files', '-z', '--', ...NEEDED], root).catch(() => '');
  if (tracked !== '') return tracked.split('\0').filter(Boolean);
  const found = NEEDED.map(async (name) =>
    (await stat(join(root, name))).isFile()
      ? [name]
      : (await filesBelow(join(root, name))).map((file) => join(name, file)),
  );
  return (await Promise.all(found)).flat();
}
