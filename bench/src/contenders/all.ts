import { existsSync } from 'node:fs';
import { gzipEngines } from '../../../lib/compress/engine.ts';
import { levels } from '../../../lib/compress/levels.ts';
import type { Contender } from '../contender.ts';
import type { Program, Runtime } from '../program.ts';
import { borgWith } from './borg.ts';
import { find } from './find.ts';
import { oursAs } from './ours.ts';
import { pythonWay } from './python-way.ts';
import { rclone } from './rclone.ts';
import { resticDefault, resticForce } from './restic.ts';
import { tarThrough } from './tar.ts';

/** The contenders by scenario. */
export interface Contenders {
  /** In all scenarios: first backup, restore, again. */
  readonly always: readonly Contender[];
  /** In the first backup only. */
  readonly first: readonly Contender[];
  /** In the unchanged run only. */
  readonly unchanged: readonly Contender[];
  /** Contenders that are left out, with the reason. */
  readonly missing: readonly string[];
}

/**
 * Returns all contenders whose program is installed.
 *
 * @param only ids to include; default all.
 */
export function allContenders(program: Program, processes: number, only?: readonly string[]): Contenders {
  const missing: string[] = [];
  const chosen = (...contenders: Contender[]) => contenders.filter(({ id }) => only?.includes(id) ?? true);
  const from = (file: string, ...contenders: Contender[]): Contender[] => {
    const wanted = chosen(...contenders);
    if (wanted.length === 0 || existsSync(file)) return wanted;
    missing.push(`${wanted.map(({ title }) => title).join(', ')}: there is no ${file}`);
    return [];
  };
  const auto = gzipEngines()[0] ?? 'zlib';
  const python = pythonWay(processes);
  const usual = (['release', 'node', 'deno'] as const).map((runtime) =>
    oursAs(program, { id: idOf(runtime), title: titleOf(runtime, auto), runtime, processes }),
  );
  const rehash = oursAs(program, {
    id: 'ours-rehash',
    title: 'whisper-backup, reads all again (--rehash)',
    runtime: 'release',
    processes,
    backup: ['--rehash'],
    shares: 'ours',
  });
  return {
    always: [
      ...chosen(...usual),
      ...from('/usr/bin/restic', resticDefault),
      ...from('/usr/bin/borg', borgWith('lz4')),
      ...from('/usr/bin/rclone', rclone),
      ...from('/usr/bin/python3', python),
    ],
    first: [
      ...chosen(...engineVariants(program, 'release', processes), ...engineVariants(program, 'deno', processes)),
      ...from('/usr/bin/borg', borgWith('zstd')),
      ...from('/usr/bin/tar', tarThrough('gzip')),
      ...from('/usr/bin/igzip', tarThrough('igzip')),
    ],
    unchanged: [...chosen(rehash), ...from('/usr/bin/restic', resticForce), ...from('/usr/bin/find', find)],
    missing,
  };
}

/** Returns each engine at its default and fastest level, except the default engine, and Zstandard. */
function engineVariants(program: Program, runtime: Runtime, processes: number): Contender[] {
  const gzip = gzipEngines().flatMap((engine, i) => {
    const { default: usual, fastest, light } = levels[engine];
    // The engine that `auto` selects is already measured, unless it adapts its level to the file.
    return [...(i === 0 && !light ? [] : [usual]), fastest].map((level) =>
      oursAs(program, {
        id: idOf(runtime, engine, String(level)),
        title: titleOf(runtime, `${engine} ${level}`),
        runtime,
        processes,
        backup: ['--gzip-engine', engine, '--gzip-level', String(level)],
      }),
    );
  });
  const backup = ['--algorithm', 'zst'];
  const zstd = { id: idOf(runtime, 'zst'), title: titleOf(runtime, `zstd ${levels.libzstd.default}`), backup };
  return [...gzip, oursAs(program, { ...zstd, runtime, processes })];
}

function idOf(runtime: Runtime, ...rest: readonly string[]): string {
  return ['ours', ...(runtime === 'release' ? [] : [runtime]), ...rest].join('-');
}

function titleOf(runtime: Runtime, how: string): string {
  const where = { release: '', node: `, on Node ${process.versions.node.split('.')[0]}`, deno: ', on Deno' };
  return `whisper-backup, ${how}${where[runtime]}`;
}
