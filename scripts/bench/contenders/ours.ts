import { execFileSync } from 'node:child_process';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Contender, Places } from '../contender.ts';
import type { Command } from '../meter.ts';

export type Runtime = 'node' | 'deno';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const launcher = join(root, 'scripts/whisper-backup');

/** What starts a script on a runtime. */
export const runtimes: Readonly<Record<Runtime, readonly string[]>> = {
  node: [process.execPath],
  deno: [join(root, 'node_modules/.bin/deno'), 'run', '--allow-all'],
};

/** Our program with these arguments, in the built form. */
export function ours(runtime: Runtime, args: readonly string[]): Command {
  return { words: [...runtimes[runtime], launcher, ...args] };
}

/** Whether our `backup` has this option. */
export function hasOption(name: string): boolean {
  return new RegExp(`^ +(-., )?--${name}\\b`, 'm').test(
    execFileSync(process.execPath, [launcher, 'backup', '--help'], { encoding: 'utf8' }),
  );
}

export interface OursOptions {
  readonly id: string;
  readonly title: string;
  readonly runtime: Runtime;
  readonly processes: number;
  /** Options of `backup`. */
  readonly backup?: readonly string[];
  /** See {@link Contender}. */
  readonly shares?: string;
}

/** Our program with these options. */
export function oursAs({ id, title, runtime, processes, backup = [], shares }: OursOptions): Contender {
  const common = ({ store, state }: Places) => [
    ...['--bucket', basename(store), '--processes', String(processes)],
    ...['--nolog', '--nostamp', '--quiet', '--lockfile', join(state, 'run.lock')],
  ];
  return {
    id,
    title,
    kind: 'ours',
    ...(shares === undefined ? {} : { shares }),
    backup: (places) =>
      ours(runtime, [
        ...['backup', 'disk', `path=${dirname(places.store)}`, '--prefix', places.tree],
        ...[...common(places), ...backup],
      ]),
    restore: (places, target, only) =>
      ours(runtime, [
        ...['restore', 'disk', `path=${dirname(places.store)}`, '--prefix', target, ...common(places)],
        ...(only === undefined ? [] : ['--metrics', `${only.replaceAll('/', '.')}.*`]),
      ]),
  };
}
