/**
 * Measures how long a backup holds the lock of a file, and the time per unchanged file, with the files in the page cache
 * and with their pages dropped. Prints a Markdown table in microseconds.
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

const ROUNDS = 3;
const LOCK_UN = 8;

const tree = process.argv[2];
if (tree === undefined) throw new Error('TREE is missing: give a directory of Whisper files');
const holds = watchLocks();
// Imported after watchLocks(), so that it uses the replaced functions.
const { snapshot } = await import('../../lib/workers/tasks/snapshot.ts');
const known = new Map(
  fs
    .readdirSync(tree, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.wsp'))
    .map((name) => join(tree, name))
    .map((file) => [file, createHash('sha1').update(fs.readFileSync(file)).digest('hex')]),
);

console.log(`${known.size} files\n`);
const rows: string[][] = [];
for (let round = 0; round < ROUNDS; round++) {
  rows.push(await measure('cached', () => {}), await measure('dropped', dropAll));
}
console.log(markdownTable(['pages', 'a file', 'lock held: median', '99 %', 'longest'], rows, [1, 2, 3, 4]));

async function measure(name: string, prepare: () => void): Promise<string[]> {
  prepare();
  holds.length = 0;
  const start = performance.now();
  for (const [file, knownSha1] of known) {
    const task = {
      file,
      known: { sha1: knownSha1 },
      flock: true,
      fileLockTimeout: 5,
      includeDamaged: false,
      format: {},
      now: Date.now(),
    };
    const { outcome } = await snapshot(task, () => false);
    if (outcome !== 'unchanged') throw new Error(`${file}: ${outcome}`);
  }
  const each = (performance.now() - start) / known.size;
  holds.sort((a, b) => a - b);
  const row = [
    each,
    ...[0.5, 0.99, 1].map((share) => holds[Math.min(Math.floor(holds.length * share), holds.length - 1)]),
  ];
  return [name, ...row.map((time) => ((time ?? Number.NaN) * 1000).toFixed(0))];
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
