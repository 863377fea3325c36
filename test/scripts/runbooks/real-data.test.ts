import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseHeader } from '../../../lib/whisper/header.ts';
import { knownPoints } from '../../../lib/whisper/info.ts';
import { splitWords } from '../../../scripts/fleet/words.ts';
import { writeWithPython } from '../../fixtures/python-tree.ts';
import { runTypeScript } from '../../fixtures/runtime.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';
import { contents, readTree } from '../../fixtures/tree.ts';
import { type Ended, isDeno, launcher } from '../cli/program.ts';
import { type DirectoryHost, makeHosts } from './hosts.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const NOW = Math.floor(Date.now() / 300_000) * 300 - 300;
const names = ['carbon/agents/a', ...Array.from({ length: 8 }, (_, i) => `servers/web0${i % 2}/m${i}`)];

/** The newest points, one a minute. */
function points(minutes: number, value: number): [number, number][] {
  return Array.from({ length: minutes }, (_, i) => [NOW - i * 60, value + i]);
}

describe('runbooks with the real tool, on hosts that are directories', () => {
  let scratch: Scratch;
  let h1: DirectoryHost;
  let h2: DirectoryHost;

  beforeEach(async () => {
    scratch = await createScratch();
    const [first, second] = await makeHosts(scratch, ['h1', 'h2']);
    assert.ok(first && second);
    [h1, h2] = [first, second];
    const files = names.map((path, i) => ({ path, points: points(30, i) }));
    writeWithPython(h1.prefix, files);
    await backUp(h1);
  });
  afterEach(() => scratch[Symbol.asyncDispose]());

  const start = (words: readonly string[], environment: Record<string, string> = {}): Promise<Ended> => {
    const [program = '', ...args] = words;
    const env = { PATH: `${scratch.at('bin')}:${process.env['PATH'] ?? ''}`, HOME: '/', ...environment };
    const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
  };

  async function tool({ name }: DirectoryHost, command: string): Promise<string> {
    const program = isDeno ? ['run', '-A', '--no-check', `${launcher}.ts`] : [launcher];
    const config = { WHISPER_BACKUP_CONFIG: scratch.at(name, 'config.json') };
    const { code, stderr } = await start([process.execPath, ...program, command], config);
    assert.equal(code, 0, stderr);
    return stderr;
  }
  const backUp = (host: DirectoryHost) => tool(host, 'backup');

  /** Points that came after the backup are in the journal alone. */
  async function journalNewPoints(host: DirectoryHost): Promise<void> {
    const files = names.map((path, i) => ({
      path,
      points: [60, 120, 180].map((s): [number, number] => [NOW + s, i + s]),
    }));
    writeWithPython(host.prefix, files);
    assert.match(await tool(host, 'journal'), /journaled 9\b/);
  }

  async function runbook(name: string, ...args: readonly string[]): Promise<string> {
    const script = `${root}/scripts/runbooks/${name}.ts`;
    const all = [...runTypeScript, script, '--fleet-dir', scratch.at('fleet'), '--yes', ...args];
    const { code, stdout, stderr } = await start([process.execPath, ...all]);
    assert.equal(code, 0, stdout + stderr);
    return stdout;
  }

  async function treeOf({ prefix }: DirectoryHost): Promise<Record<string, string>> {
    return contents(await readTree(prefix));
  }

  const services = async () => (await readFile(scratch.at('services'), 'utf8')).trim().split('\n');

  it('host-lost restores every point, with carbon and the timer stopped until then', async () => {
    await journalNewPoints(h1);
    const before = await treeOf(h1);
    await rm(h1.prefix, { recursive: true });
    const said = await runbook('host-lost', '--host', 'h1', '--metrics', 'servers.*');
    assert.deepEqual(await treeOf(h1), before);
    assert.match(said, /metrics 8, restored 8/);
    assert.match(said, /metrics 1, restored 1/);
    assert.deepEqual(
      (await services()).map((line) => line.replace(/ \{"fleet_dir.*/, '')),
      [
        'h1 deploy {}',
        'h1 disable --now whisper-backup.timer',
        'h1 stop whisper-backup.service whisper-backup-journal.*',
        'h1 start carbon-cache.service',
        'h1 deploy {"adopt":true}',
        'h1 status',
      ],
    );
  });

  it('subtree-deleted restores the state before the date, below files that carbon has recreated', async () => {
    await journalNewPoints(h1);
    const before = await treeOf(h1);
    await sleep(1100);
    const date = new Date().toISOString();
    await rm(join(h1.prefix, 'servers/web01'), { recursive: true });
    writeWithPython(h1.prefix, [{ path: 'servers/web01/m1', points: [] }]);
    await sleep(1100);
    await backUp(h1);
    await runbook('subtree-deleted', '--host', 'h1', '--metrics', 'servers.web01.*', '--date', date);
    const after = await treeOf(h1);
    // It was filled, slot by slot, into a file of carbon's: its points are the same, its bytes need not be.
    assert.deepEqual(Object.keys(after), Object.keys(before));
    for (const name of Object.keys(before)) if (!name.endsWith('m1.wsp')) assert.equal(after[name], before[name]);
  });

  it('bad-data restores the points of a time, keeps the good ones since, and holds the state before', async () => {
    await journalNewPoints(h1);
    await sleep(1100);
    const date = new Date().toISOString();
    const written = (paths: readonly string[], ago: number, minutes: number, value: number) =>
      writeWithPython(
        h1.prefix,
        paths.map((path) => ({ path, points: points(minutes, value).map(([time, v]) => [time - ago * 60, v]) })),
      );
    const bad = names.filter((name) => name.startsWith('servers/web01'));
    // Points of the last 20 minutes are overwritten, and then good ones of the last 5 come in.
    written(bad, 5, 15, 6666);
    written(bad, 0, 5, 77);
    await sleep(1100);
    await backUp(h1);
    const spoilt = await treeOf(h1);
    const [from, until] = [20, 5].map((ago) => new Date((NOW - ago * 60 + 60) * 1000).toISOString());
    const window = ['--from', from ?? '', '--until', until ?? ''];
    const said = await runbook('bad-data', '--host', 'h1', '--metrics', 'servers.web01.*', '--date', date, ...window);
    assert.match(said, /points replaced \d+/);
    for (const [name, bytes] of await readTree(h1.prefix)) {
      const [archive] = parseHeader(bytes).archives;
      assert.ok(archive);
      const found = new Map(knownPoints(bytes, archive).map(({ timestamp, value }) => [timestamp, value]));
      const isBad = bad.includes(name.replace(/\.wsp$/, ''));
      const own = names.indexOf(name.replace(/\.wsp$/, ''));
      for (const [time, value] of points(30, own)) {
        const later = points(5, 77).find(([at]) => at === time)?.[1];
        assert.equal(found.get(time), isBad && later !== undefined ? later : value, `${name} at ${time}`);
      }
      for (const s of [60, 120, 180]) assert.equal(found.get(NOW + s), own + s);
    }

    const undo = /to undo it: whisper-backup (-m .*? --erase restore);/.exec(said.replaceAll('\n', ' '))?.[1];
    assert.ok(undo, said);
    const tool = isDeno ? ['run', '-A', '--no-check', `${launcher}.ts`] : [launcher];
    const config = { WHISPER_BACKUP_CONFIG: scratch.at('h1', 'config.json') };
    const { code, stderr } = await start([process.execPath, ...tool, ...splitWords(undo, 'the command')], config);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await treeOf(h1), spoilt);
  });

  it('move-metrics moves them to the other host, with all points until the switch', async () => {
    const said = await runbook(
      'move-metrics',
      ...['--from', 'h1', '--to', 'h2', '--metrics', 'servers.web01.*', '--bucket', h1.bucket],
    );
    assert.match(said, /By hand: send new points/);
    const moved = await readTree(h2.prefix);
    assert.equal(moved.size, 4);
    const source = await readTree(h1.prefix);
    for (const [name, bytes] of moved) assert.deepEqual(bytes, source.get(name), name);
    const bucket = await readdir(join(scratch.at('buckets'), h2.bucket));
    assert.equal(bucket.filter((name) => name.startsWith('servers.web01.')).length, 4);
  });

  it('move-metrics gives them new names on the other host', async () => {
    const said = await runbook(
      'move-metrics',
      ...['--from', 'h1', '--to', 'h2', '--metrics', 'servers.web01.*', '--bucket', h1.bucket],
      ...['--rename', 'servers.web01=hosts.web09'],
    );
    assert.match(said, /on h2 under its new name/);
    const moved = await readTree(h2.prefix);
    assert.equal(moved.size, 4);
    const source = await readTree(h1.prefix);
    for (const [name, bytes] of moved)
      assert.deepEqual(bytes, source.get(name.replace('hosts/web09', 'servers/web01')), name);
  });

  it('bucket-damaged stores damaged metrics again', async () => {
    const directory = scratch.at('buckets', h1.bucket, 'servers.web01.m1');
    const [name = ''] = await readdir(directory);
    await cp(join(directory, name), scratch.at('whole'));
    await truncate(join(directory, name), 50);
    const said = await runbook('bucket-damaged', '--host', 'h1');
    assert.match(said, /damaged: servers\.web01\.m1: .*moved to \.whisper-backup\/quarantine/);
    const [again = ''] = await readdir(directory);
    assert.deepEqual(await readFile(join(directory, again)), await readFile(scratch.at('whole')));
  });
});
