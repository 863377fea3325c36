import assert from 'node:assert/strict';
import { link, mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { withDryRun } from '../../lib/store/decorators/dry-run.ts';
import { createDiskStore } from '../../lib/store/drivers/disk/disk.ts';
import { metricFile, plantMetrics } from '../fixtures/metric.ts';
import { backUp, purgeGone } from '../fixtures/operations.ts';
import { startScript } from '../fixtures/runtime.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { stateOf } from '../fixtures/tree-state.ts';
import { createMemoryStore } from '../store/memory-store.ts';

/** Sets a file's times to so many minutes ago. */
async function age(path: string, minutes: number): Promise<string> {
  const then = new Date(Date.now() - minutes * 60_000);
  await utimes(path, then, then);
  return path;
}

/** A tree of two metrics, with young and old leftovers in it and above it, and similar names that are not leftovers. */
async function plantLeftovers(scratch: Scratch): Promise<{ prefix: string; ours: string[]; young: string[] }> {
  const prefix = await scratch.directory('storage', 'whisper');
  await plantMetrics(prefix, ['servers/web01/cpu', 'servers/web01/load']);
  const below = `${prefix}/servers/web01`;
  const file = async (name: string, minutes: number) => {
    await writeFile(`${below}/${name}`, 'half of a file');
    return age(`${below}/${name}`, minutes);
  };
  const directory = async (path: string, minutes: number) => {
    await mkdir(path);
    return age(path, minutes);
  };
  const linked = `${below}/.wb-aaaaaaaaaaaa.tmp`;
  await link(`${below}/cpu.wsp`, linked);
  await age(linked, 61);
  const ours = [
    linked,
    await file('.wb-0123456789ab.tmp', 61),
    await directory(`${prefix}/servers/.wb-0123456789ac.tmp`, 61),
    await directory(scratch.at('storage', '.wb-0123456789ad.tmp'), 61),
    await directory(scratch.at('.wb-0123456789ae.tmp'), 61),
  ];
  const young = [await file('.wb-ba9876543210.tmp', 59), await directory(`${prefix}/.wb-ba9876543210.tmp`, 59)];
  for (const name of ['.wb-0123456789AB.tmp', '.wb-0123.tmp', 'x.wb-0123456789ab.tmp', '.wb-0123456789ab.tmp.wsp~'])
    await file(name, 9999);
  await directory(`${below}/.wb-bbbbbbbbbbbb.tmp`, 9999);
  await writeFile(`${below}/.wb-bbbbbbbbbbbb.tmp/somebody`, 'not empty');
  await age(`${below}/.wb-bbbbbbbbbbbb.tmp`, 9999);
  await symlink(`${below}/load.wsp`, `${below}/.wb-cccccccccccc.tmp`);
  await writeFile(scratch.at('.wb-dddddddddddd.tmp'), 'above the prefix a restore makes directories alone');
  await age(scratch.at('.wb-dddddddddddd.tmp'), 9999);
  return { prefix, ours, young };
}

/** Every path below a directory. */
async function names(path: string): Promise<string[]> {
  return (await stateOf(path)).map((line) => path + line.split(' ')[0]);
}

const runs = { backUp, purgeGone };

for (const [name, run] of Object.entries(runs)) {
  describe(`leftovers of killed runs: ${name}`, () => {
    it('are removed if they are older than an hour, and nothing else is', async () => {
      await using scratch = await createScratch();
      const { prefix, ours, young } = await plantLeftovers(scratch);
      const before = await names(scratch.path);
      const { counts, failed } = await run(createMemoryStore(), prefix);
      assert.deepEqual([counts['leftovers'], failed], [ours.length, []]);
      const after = await names(scratch.path);
      assert.deepEqual(
        after,
        before.filter((path) => !ours.includes(path)),
      );
      for (const path of young) assert.ok(after.includes(path));
      assert.deepEqual(new Uint8Array(await readFile(`${prefix}/servers/web01/cpu.wsp`)), metricFile(1));
    });

    it('are reported by a dry run, which changes nothing', async () => {
      await using scratch = await createScratch();
      const { prefix, ours } = await plantLeftovers(scratch);
      const before = await stateOf(scratch.path);
      const told: string[] = [];
      const report = { log: (_: string, message: string) => void told.push(message), progress() {} };
      const { counts } = await run(withDryRun(createMemoryStore()), prefix, { dryRun: true, report });
      assert.equal(counts['leftovers'], ours.length);
      for (const path of ours)
        assert.ok(
          told.some((line) => line.startsWith(`Would remove ${path},`)),
          path,
        );
      assert.deepEqual(await stateOf(scratch.path), before);
    });

    it('are removed from the bucket of the disk store, too', async () => {
      await using scratch = await createScratch();
      const prefix = await scratch.directory('tree');
      await plantMetrics(prefix, ['cpu']);
      const store = createDiskStore({ path: scratch.at('bucket') });
      await backUp(store, prefix);
      const left = scratch.at('bucket', '.whisper-backup', 'tmp', '0123456789abcdef'.repeat(2));
      await writeFile(left, 'half of an object');
      await age(left, 61);
      // It may be a mount point.
      await mkdir(scratch.at('bucket', 'load'));
      await age(scratch.at('bucket', 'load'), 61);
      const dry = await run(withDryRun(store), prefix, { dryRun: true });
      assert.equal(dry.counts['leftovers'], 1);
      const before = await names(scratch.path);
      const { counts } = await run(store, prefix);
      await store.close();
      assert.equal(counts['leftovers'], 1);
      assert.deepEqual(
        await names(scratch.path),
        before.filter((path) => path !== left),
      );
    });

    it('are found in a large tree, which a thread walks', async () => {
      await using scratch = await createScratch();
      const prefix = await scratch.directory('tree');
      await plantMetrics(
        prefix,
        Array.from({ length: 450 }, (_, i) => `m${i}`),
      );
      const store = createDiskStore({ path: scratch.at('bucket') });
      await backUp(store, prefix);
      await writeFile(`${prefix}/.wb-0123456789ab.tmp`, 'x');
      await age(`${prefix}/.wb-0123456789ab.tmp`, 61);
      const { counts } = await run(store, prefix);
      await store.close();
      assert.deepEqual([counts['leftovers'], counts['failed']], [1, 0]);
    });
  });
}

describe('leftovers of killed runs in a read-only tree', () => {
  it('stay, with a warning, and fail nothing', async () => {
    await using scratch = await createScratch();
    const prefix = await scratch.directory('tree');
    await plantMetrics(prefix, ['cpu']);
    await writeFile(`${prefix}/.wb-0123456789ab.tmp`, 'x');
    await age(`${prefix}/.wb-0123456789ab.tmp`, 61);
    const script = new URL('../fixtures/read-only-backup.ts', import.meta.url);
    const child = startScript(script, [prefix], { unprivileged: true });
    let told = '';
    child.stdout.on('data', (chunk) => {
      told += String(chunk);
    });
    let wrong = '';
    child.stderr.on('data', (chunk) => {
      wrong += String(chunk);
    });
    await new Promise((resolve) => child.on('close', resolve));
    assert.match(told, /^warn Cannot remove leftovers of killed runs in .*EACCES/m, wrong);
    assert.match(told, /^stored 1, failed 0, leftovers 0$/m);
  });
});
