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

/** What makes, measures or shows the program, and is not of it. */
const NOT_FOR_HOSTS = /^scripts\/(bench|big-tree|build|demo|dist|docs|figure-docs|release|reliability)/;

/** Copies what a release is made of, without what lies about in a checkout. */
export async function copySources(root: string, target: string): Promise<void> {
  for (const file of (await sourceFiles(root)).filter((name) => !NOT_FOR_HOSTS.test(name)))
    await cp(join(root, file), join(target, file));
}

/** As git knows them; where it knows nothing of this directory, as they lie there. */
async function sourceFiles(root: string): Promise<readonly string[]> {
  const known = await command('git', ['ls-files', '-z', '--', ...NEEDED], root).catch(() => '');
  if (known !== '') return known.split('\0').filter(Boolean);
  const found = NEEDED.map(async (name) =>
    (await stat(join(root, name))).isFile()
      ? [name]
      : (await filesBelow(join(root, name))).map((file) => join(name, file)),
  );
  return (await Promise.all(found)).flat();
}
