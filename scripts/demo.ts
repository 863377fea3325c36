import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { $, chalk } from 'zx/core';
import { fileOf, makeSampleTree, pointsOf, writeSample } from '../bench/trees/sample-tree.ts';
import { knownPoints, whisperInfo } from '../lib/whisper/info.ts';

/*
 * `make demo`: backup, disaster and restore on a sample tree and the disk store. Prints each command as it can be typed.
 */

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
const prefix = 'demo/whisper';
const bucket = 'demo/backups';
const now = Math.floor(Date.now() / 1000);
const place = ['--prefix', prefix, '--bucket', bucket];
const quietly = ['--nolog', '--nostamp', '--lockfile', 'demo/run.lock', '--state-dir', 'demo/state'];
const shown = 'servers.web02.cpu.total.idle';

await rm('demo', { recursive: true, force: true });
await mkdir('demo');

step('A Graphite host: its Whisper tree');
const files = await makeSampleTree(prefix, { hosts: 15, now });
say(`${files} metrics below ${prefix}, with 90 days of points each`);

step('The first backup');
await run('backup', 'disk');

step('30 metrics get new points; the next backup stores only them');
const metrics = await metricsBelow(prefix);
for (const [index, metric] of metrics
  .filter((name) => name.includes('.loadavg.'))
  .slice(0, 30)
  .entries())
  await writeSample(prefix, metric, [...pointsOf(metric, 1000 + index, now)], now);
await run('backup', 'disk');
const before = await hashes(metrics);
const intact = new Date(Date.now() + 1000).toISOString();
await sleep(2000);

step(
  'Disaster: a host’s directory is deleted, and one metric is lost; carbon has created it again, with 3 hours of points',
);
await rm(join(prefix, 'servers/web03'), { recursive: true });
const recreated = await recreate(shown);
say(`deleted servers/web03, and ${shown} has ${recreated} points left`);
await run('show', fileOf(prefix, shown), '--plot');

step('The next nightly backup deletes nothing: missing metrics get a tombstone, and their backups stay for 45 days');
await run('backup', 'disk');

step('What is in the bucket');
await run('list', 'disk', '--metrics', 'servers.web0[23].cpu.total.i*');

step('Restore the earlier state: missing files are restored, existing files are backfilled');
await run('restore', 'disk', '--date', intact, '--metrics', 'servers.web0[23].*');
await run('show', fileOf(prefix, shown), '--plot');

step('Check the result');
const after = await hashes(metrics);
const lost = metrics.filter((metric) => metric.startsWith('servers.web03.'));
const wrong = lost.filter((metric) => before.get(metric) !== after.get(metric));
if (lost.length === 0 || wrong.length > 0) fail(`${wrong.length} of ${lost.length} restored files differ`);
say(`${lost.length} of ${lost.length} deleted files are restored bit for bit (SHA-1)`);
const known = await countPoints(fileOf(prefix, shown));
if (known <= recreated) fail(`${shown} was not backfilled`);
say(`${shown} had ${recreated} points of its last day, now ${known}; carbon’s own points are unchanged`);

step('Without whisper-backup: a backup is a gzip file, named by its date and the SHA-1 of its content');
const key = await anyBackup();
const sha1 = createHash('sha1')
  .update(gunzipSync(await readFile(join(bucket, key))))
  .digest('hex');
if (!key.includes(sha1)) fail(`the SHA-1 of ${key} differs from its name`);
say(`gunzip < '${join(bucket, key)}' | sha1sum\n${sha1}`);

step('Where to find everything');
say(`${prefix}    the Whisper tree\n${bucket}    the bucket: a directory for each metric\n`);
say('Try: scripts/whisper-backup --help, or scripts/whisper-backup list disk --bucket demo/backups');

function step(title: string): void {
  console.log(`\n${chalk.bold(title)}`);
}

function say(text: string): void {
  console.log(text.replace(/^/gm, '  '));
}

function fail(reason: string): never {
  console.error(`The demo failed: ${reason}`);
  process.exit(1);
}

/** Runs a command and prints it as a person would type it. */
async function run(...words: string[]): Promise<void> {
  const isLocal = words[0] === 'show';
  const args = isLocal ? words : [...words, ...place];
  console.log(chalk.cyan(`$ scripts/whisper-backup ${args.map((word) => $.quote?.(word) ?? word).join(' ')}`));
  const hidden = hiddenOf(words[0]);
  await $({ stdio: 'inherit' })`scripts/whisper-backup ${[...args, ...hidden]}`;
}

/** Options that keep the demo's files off the host; not printed. */
function hiddenOf(command: string | undefined): readonly string[] {
  if (command === 'backup') return [...quietly, '--cache-dir', 'demo/cache'];
  return command === 'restore' ? quietly : ['--nolog'];
}

async function metricsBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.name.endsWith('.wsp'))
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).slice(0, -4).replaceAll('/', '.'))
    .sort();
}

/** Returns the SHA-1 of each existing metric's file. */
async function hashes(names: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of names) {
    const bytes = await readFile(fileOf(prefix, name)).catch(() => undefined);
    if (bytes) found.set(name, createHash('sha1').update(bytes).digest('hex'));
  }
  return found;
}

/** Deletes a metric's file and creates it as carbon does when the next points arrive. @returns its number of points. */
async function recreate(metric: string): Promise<number> {
  const bytes = await readFile(fileOf(prefix, metric));
  const [finest] = whisperInfo(bytes).archives;
  const points = finest ? knownPoints(bytes, finest).filter(({ timestamp }) => timestamp >= now - 3 * 3600) : [];
  await writeSample(prefix, metric, points, now);
  return countPoints(fileOf(prefix, metric));
}

/** Counts the points of a file's finest archive. */
async function countPoints(file: string): Promise<number> {
  return whisperInfo(await readFile(file)).archives[0]?.known ?? 0;
}

/** Returns the key of a backup as an example. */
async function anyBackup(): Promise<string> {
  const keys = await readdir(join(bucket, shown));
  return join(shown, keys.find((key) => key.endsWith('.gz')) ?? '');
}
