import { execFileSync } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from './meter.ts';

/** The Node that a release carries, that of this machine, and Deno. */
export type Runtime = 'release' | 'node' | 'deno';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What starts a script on the runtimes of this machine. */
export const runtimes: Readonly<Record<Exclude<Runtime, 'release'>, readonly string[]>> = {
  node: ['Deno' in globalThis ? 'node' : process.execPath],
  deno: [join(root, 'node_modules/.bin/deno'), 'run', '--allow-all'],
};

/** Our program as it is rolled out to hosts. */
export class Program {
  /** The Node of the release. */
  readonly node: string;
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
    this.node = join(directory, 'runtime/node');
  }

  /**
   * Unpacks a release in a directory that is not there, or is replaced.
   *
   * @param makeTarball makes a release for this machine in a directory, and returns the path of its tarball.
   */
  static async install(directory: string, makeTarball: (out: string) => Promise<string>): Promise<Program> {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    const tarball = await makeTarball(join(directory, 'tarball'));
    execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', directory], { stdio: 'inherit' });
    return new Program(directory);
  }

  /** How it is started with these arguments. */
  command(runtime: Runtime, args: readonly string[]): Command {
    if (runtime === 'release') return { words: [join(this.#directory, 'bin/whisper-backup'), ...args] };
    return { words: [...runtimes[runtime], join(this.#directory, 'app/dist/whisper-backup.mjs'), ...args] };
  }
}
