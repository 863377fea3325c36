import { basename, dirname, join } from 'node:path';
import type { Contender, Places } from '../contender.ts';
import type { Program, Runtime } from '../program.ts';

export interface OursOptions {
  readonly id: string;
  readonly title: string;
  readonly runtime: Runtime;
  readonly processes: number;
  /** What stores the tree. @default 'backup' */
  readonly command?: 'backup' | 'journal';
  /** Options of that command. */
  readonly backup?: readonly string[];
  /** Options of `restore`. */
  readonly restore?: readonly string[];
  /** See {@link Contender}. */
  readonly shares?: string;
}

/** Returns whisper-backup with these options. */
export function oursAs(program: Program, options: OursOptions): Contender {
  const { id, title, runtime, processes, command = 'backup', backup = [], restore = [], shares } = options;
  const common = ({ store, state }: Places) => [
    ...['--bucket', basename(store), '--processes', String(processes)],
    ...['--nolog', '--nostamp', '--quiet', '--lockfile', join(state, 'run.lock')],
    ...['--state-dir', state],
  ];
  return {
    id,
    title,
    kind: 'ours',
    ...(shares === undefined ? {} : { shares }),
    backup: (places) =>
      program.command(runtime, [
        ...[command, 'disk', `path=${dirname(places.store)}`, '--prefix', places.tree],
        ...[...common(places), '--cache-dir', join(places.state, 'cache'), ...backup],
      ]),
    restore: (places, target, only) =>
      program.command(runtime, [
        ...['restore', 'disk', `path=${dirname(places.store)}`, '--prefix', target, ...common(places)],
        ...(only === undefined ? [] : ['--metrics', `${only.replaceAll('/', '.')}.*`]),
        ...restore,
      ]),
  };
}
