import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from './command.ts';

const NEEDED = ['config', 'lib', 'scripts', 'LICENSE', 'package.json', 'package-lock.json', 'tsconfig.json'];

/** What makes, measures or shows the program, and is not of it. */
const NOT_FOR_HOSTS = /^scripts\/(bench|build|bundle|demo|dist|measure)/;

/** Copies what a release is made of, without what lies about in a checkout. */
export async function copySources(root: string, target: string): Promise<void> {
  for (const file of (await sourceFiles(root)).filter((name) => !NOT_FOR_HOSTS.test(name)))
    await cp(join(root, file), join(target, file));
}

/** As git knows them; where there is no git, as they lie there. */
async function sourceFiles(root: string): Promise<readonly string[]> {
  try {
    return (await command('git', ['ls-files', '-z', '--', ...NEEDED], root)).split('\0').filter(Boolean);
  } catch {
    const inside = NEEDED.filter((name) => !name.includes('.') && name !== 'LICENSE').map(async (directory) => {
      const entries = await readdir(join(root, directory), { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    });
    const files = (await Promise.all(inside)).flat().map((path) => path.slice(root.length).replace(/^\//, ''));
    return [...files, ...NEEDED.filter((name) => name.includes('.') || name === 'LICENSE')];
  }
}
