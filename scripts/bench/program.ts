import { execFileSync } from 'node:child_process';
import { cp, mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from './meter.ts';

export type Runtime = 'node' | 'deno';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What starts a script on a runtime. */
export const runtimes: Readonly<Record<Runtime, readonly string[]>> = {
  node: ['Deno' in globalThis ? 'node' : process.execPath],
  deno: [join(root, 'node_modules/.bin/deno'), 'run', '--allow-all'],
};

/** Our program, built and set up as on a host: without its sources, which the launcher would compare with what was built. */
export class Program {
  readonly #launcher: string;

  private constructor(directory: string) {
    this.#launcher = join(directory, 'scripts/whisper-backup');
  }

  /** Builds it, and sets it up in a directory that is not there, or is replaced. */
  static async install(directory: string): Promise<Program> {
    await rm(directory, { recursive: true, force: true });
    await mkdir(join(directory, 'scripts'), { recursive: true });
    for (const part of ['package.json', 'scripts/whisper-backup']) await cp(join(root, part), join(directory, part));
    const [node = '', ...build] = [...runtimes.node, '--import', 'tsx', 'scripts/build.ts', join(directory, 'dist')];
    execFileSync(node, build, { cwd: root, stdio: 'inherit' });
    await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
    return new Program(directory);
  }

  /** How it is started with these arguments. */
  command(runtime: Runtime, args: readonly string[]): Command {
    return { words: [...runtimes[runtime], this.#launcher, ...args] };
  }

  /** Whether its `backup` has this option. */
  hasOption(name: string): boolean {
    const [program = '', ...args] = this.command('node', ['backup', '--help']).words;
    return new RegExp(`^ +(-., )?--${name}\\b`, 'm').test(execFileSync(program, args, { encoding: 'utf8' }));
  }
}
