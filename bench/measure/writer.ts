/**
 * Measures how much backups slow down carbon: the time of Whisper updates during continuous full backups, compared with
 * an idle host. The writer is Graphite's python3-whisper with its locks on. Prints a Markdown table in milliseconds.
 *
 *     node --import tsx bench/measure/writer.ts [TREE] [UPDATES_PER_SECOND]
 *
 * TREE is copied first; without it a tree is generated. 0 updates per second means as fast as possible.
 */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx/core';
import { markdownTable } from '../../lib/common/table.ts';
import { madeWhisper } from '../trees/made-whisper.ts';
import { randomFrom } from '../trees/seeded-random.ts';
import { seriesKinds } from '../trees/series.ts';

const ROUNDS = 3;
const SECONDS = 5;
const FILES = 200;
/** 15 days by the minute, 90 by five minutes, 4 years by the hour: 991 KB. */
const ARCHIVES = [
  { secondsPerPoint: 60, points: 15 * 1440 },
  { secondsPerPoint: 300, points: 90 * 288 },
  { secondsPerPoint: 3600, points: 4 * 365 * 24 },
];

/** The program's options in each case; undefined for no backup. */
const CASES: Readonly<Record<string, readonly string[] | undefined>> = {
  'no backup': undefined,
  'backups, one process': ['-f', '1'],
  'backups, two processes': ['-f', '2'],
  'the same, nice 19 and idle I/O': ['nice', '-f', '2'],
};

interface Sample {
  readonly updates: number[];
  readonly waits: number[];
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const [tree, rate = '500'] = process.argv.slice(2);
// On disk, like Graphite's files; /tmp may be in memory.
const directory = await mkdtemp('/var/tmp/measure-writer-');
try {
  await makeTree(directory);
  const samples = new Map(Object.keys(CASES).map((name): [string, Sample] => [name, { updates: [], waits: [] }]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, how] of Object.entries(CASES)) {
      const backups = how && backUpAgainAndAgain(how);
      const { updates, waits } = await write();
      await backups?.stop();
      for (const time of updates) samples.get(name)?.updates.push(time);
      for (const time of waits) samples.get(name)?.waits.push(time);
    }
  }
  print(samples);
} finally {
  await rm(directory, { recursive: true });
}

async function makeTree(to: string): Promise<void> {
  if (tree !== undefined) return cp(tree, to, { recursive: true });
  const kinds = Object.values(seriesKinds);
  const now = Math.floor(Date.now() / 1000);
  for (let i = 0; i < FILES; i++) {
    const kind = kinds[i % kinds.length];
    if (!kind) continue;
    await mkdir(join(to, `host${i % 20}`), { recursive: true });
    const bytes = madeWhisper(kind(randomFrom(i), { now }), { archives: ARCHIVES, method: 'last', now });
    await writeFile(join(to, `host${i % 20}`, `metric${i}.wsp`), bytes);
  }
}

async function write(): Promise<Sample> {
  const writer = $({ nothrow: true, quiet: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const { exitCode, stdout } = await writer`/usr/bin/python3 -B ${here('./writer.py')} ${directory} ${SECONDS} ${rate}`;
  if (exitCode !== 0)
    throw new Error(`The writer exited with code ${exitCode}: check that python3-whisper is installed`);
  return JSON.parse(stdout);
}

/** Uses the store that keeps nothing, so that every backup is a first backup. */
function backUpAgainAndAgain(how: readonly string[]): { stop(): Promise<void> } {
  const stopped = new AbortController();
  const { signal } = stopped;
  const gentle = how[0] === 'nice' ? ['nice', '-n19', 'ionice', '-c3'] : [];
  const program = [...gentle, here('../../scripts/whisper-backup'), ...how.filter((word) => word !== 'nice')];
  const backUp = $({ nothrow: true, quiet: true, signal, stdio: 'ignore' });
  const done = (async () => {
    while (!signal.aborted) {
      const { exitCode } =
        await backUp`exec ${program} -b b -p ${directory} --nolock --nostamp --nolog --no-cache -q backup noop`;
      if (exitCode !== 0 && !signal.aborted) throw new Error(`A backup exited with code ${exitCode}`);
    }
  })();
  return {
    async stop() {
      stopped.abort();
      await done;
    },
  };
}

function print(samples: ReadonlyMap<string, Sample>): void {
  const quiet = samples.get('no backup')?.updates ?? [];
  const head = ['updates during', 'a second', 'median', '99 %', '99.9 %', 'longest', 'longest wait for a lock'];
  const rows = [...samples].map(([name, { updates, waits }]) => {
    const column = (share: number) => {
      const ratio = name === 'no backup' ? '' : ` (${(at(updates, share) / at(quiet, share)).toFixed(1)})`;
      return `${at(updates, share).toFixed(3)}${ratio}`;
    };
    const perSecond = (updates.length / SECONDS / ROUNDS).toFixed(0);
    return [name, perSecond, ...[0.5, 0.99, 0.999, 1].map(column), at(waits, 1).toFixed(3)];
  });
  console.log(markdownTable(head, rows, [...head.keys()].slice(1)));
}

/** @param share 0.5 for the median, 1 for the maximum. */
function at(times: readonly number[], share: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
