/**
 * Measures how long a backup and a journal of an hour hold the lock of a file, and their time per file, with the files in
 * the page cache and with their pages dropped. The backup finds each file unchanged by its content. Prints a Markdown table
 * in microseconds, of the quietest of some rounds.
 *
 *     node --import tsx bench/measure/lock.ts TREE
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { markdownTable } from '../../lib/common/table.ts';
import { libc } from '../../lib/system/libc.ts';
import { dropPages } from '../../lib/system/page-cache.ts';

import { parseHeader } from '../../lib/whisper/header.ts';
import { knownPoints } from '../../lib/whisper/info.ts';

const ROUNDS = 5;
const LOCK_UN = 8;

const tree = process.argv[2];
if (tree === undefined) throw new Error('TREE is missing: give a directory of Whisper files');
const holds = watchLocks();
// Imported after watchLocks(), so that it uses the replaced functions.
const { snapshot } = await import('../../lib/workers/tasks/snapshot.ts');
const { journalFiles } = await import('../../lib/workers/tasks/journal-files.ts');
const known = new Map(
  fs
    .readdirSync(tree, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.wsp'))
    .map((name) => join(tree, name))
    .map((file) => [file, createHash('sha1').update(fs.readFileSync(file)).digest('hex')]),
);

console.log(`${known.size} files\n`);
const until = newestPoint();
const quietest = new Map<string, readonly number[]>();
for (let round = 0; round < ROUNDS; round++) {
  for (const [pages, prepare] of Object.entries({ cached: () => {}, dropped: dropAll })) {
    for (const [run, visit] of Object.entries({ backup: backUp, journal })) {
      const times = await measure(prepare, visit);
      const before = quietest.get(`${run}, pages ${pages}`);
      if (!before || (times[2] ?? 0) < (before[2] ?? 0)) quietest.set(`${run}, pages ${pages}`, times);
    }
  }
}
const rows = [...quietest].map(([name, times]) => [name, ...times.map((time) => (time * 1000).toFixed(0))]);
console.log(markdownTable(['', 'a file', 'lock held: median', '99 %', 'longest'], rows, [1, 2, 3, 4]));

async function backUp(file: string, sha1: string): Promise<string> {
  const lock = { flock: true, fileLockTimeout: 5 };
  const task = { file, known: { sha1 }, ...lock, includeDamaged: false, format: {}, now: Date.now() };
  return (await snapshot(task, () => false)).outcome;
}

async function journal(file: string): Promise<string | undefined> {
  const files = [{ file, metric: 'servers.web01.cpu.idle', from: until - 3600 }];
  const batch = { files, until, now: until, flock: true, fileLockTimeout: 5 };
  return (await journalFiles(batch, { stopped: () => false })).files[0]?.outcome;
}

/** @returns milliseconds: of a file; that its lock was held in the median, in 99 % and at most. */
async function measure(
  prepare: () => void,
  visit: (file: string, sha1: string) => Promise<string | undefined>,
): Promise<readonly number[]> {
  prepare();
  holds.length = 0;
  const start = performance.now();
  for (const [file, sha1] of known) {
    const outcome = await visit(file, sha1);
    if (outcome !== 'unchanged' && outcome !== 'read') throw new Error(`${file}: ${outcome}`);
  }
  const each = (performance.now() - start) / known.size;
  holds.sort((a, b) => a - b);
  const at = (share: number) => holds[Math.min(Math.floor(holds.length * share), holds.length - 1)] ?? Number.NaN;
  return [each, at(0.5), at(0.99), at(1)];
}

/** Returns the time of the newest point in the first file. */
function newestPoint(): number {
  const bytes = fs.readFileSync([...known.keys()][0] ?? '');
  const [finest] = parseHeader(bytes).archives;
  return (finest && knownPoints(bytes, finest).at(-1)?.timestamp) ?? 0;
}

function dropAll(): void {
  for (const file of known.keys()) {
    const fd = fs.openSync(file, 'r');
    fs.fsyncSync(fd);
    dropPages(fd, [{ start: 0, end: 2 ** 31 }]);
    fs.closeSync(fd);
  }
}

/** @returns a list that gets the milliseconds of each lock when it is released by flock(2) or close(2). */
function watchLocks(): number[] {
  const held: number[] = [];
  const since = new Map<number, number>();
  const released = (fd: number) => {
    const start = since.get(fd);
    if (start !== undefined) held.push(performance.now() - start);
    since.delete(fd);
  };
  const { flock } = libc;
  libc.flock = (fd, operation) => {
    const result = flock(fd, operation);
    if (operation === LOCK_UN) released(fd);
    else if (result === 0) since.set(fd, performance.now());
    return result;
  };
  const { closeSync } = fs;
  fs.closeSync = (fd) => {
    closeSync(fd);
    released(fd);
  };
  syncBuiltinESMExports();
  return held;
}
