import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx/core';
import type { Command } from './meter.ts';

/** Node of the release, Node of this machine, or Deno. */
export type Runtime = 'release' | 'node' | 'deno';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The command that runs a script on each runtime of this machine. */
export const runtimes: Readonly<Record<Exclude<Runtime, 'release'>, readonly string[]>> = {
  node: ['Deno' in globalThis ? 'node' : process.execPath],
  deno: [join(root, 'node_modules/.bin/deno'), 'run', '--allow-all'],
};

/** whisper-backup as installed on hosts. */
export class Program {
  /** The Node of the release. */
  readonly node: string;
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
    this.node = join(directory, 'runtime/node');
  }

  /**
   * Unpacks a release into a directory, replacing it if it exists.
   *
   * @param makeTarball builds a release for this machine in a directory, and returns the path of its tarball.
   */
  static async install(directory: string, makeTarball: (out: string) => Promise<string>): Promise<Program> {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    const tarball = await makeTarball(join(directory, 'tarball'));
    await $({ quiet: true, stdio: 'inherit' })`tar -xzf ${tarball} --strip-components=1 -C ${directory}`;
    return new Program(directory);
  }

  /** Returns the command line for these arguments. */
  command(runtime: Runtime, args: readonly string[]): Command {
    if (runtime === 'release') return { words: [join(this.#directory, 'bin/whisper-backup'), ...args] };
    return { words: [...runtimes[runtime], join(this.#directory, 'app/dist/whisper-backup.mjs'), ...args] };
  }
}
