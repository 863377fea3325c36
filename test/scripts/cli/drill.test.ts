import assert from 'node:assert/strict';
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { acquireRunLock } from '../../../lib/system/run-lock.ts';
import { metricFile, plantMetric, plantMetrics } from '../../fixtures/metric.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';
import { type Ended, run } from './program.ts';

describe('the command drill', () => {
  let scratch: Scratch;
  let common: string[] = [];
  const program = (...args: readonly string[]): Promise<Ended> => run([...common, ...args, 'disk', scratch.path]);

  before(async () => {
    scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['a', 'b', 'servers/web01/cpu']);
    common = ['--nolog', '--lockfile', scratch.at('lock'), '--stampfile', scratch.at('stamp')];
    common.push('--prefix', scratch.at('tree'), '-b', 'bucket');
    const { code, stderr } = await program('--nostamp', 'backup');
    assert.equal(code, 0, stderr);
  });
  after(() => scratch[Symbol.asyncDispose]());

  it('exits with 0 if there is no problem, prints the report, takes no lock and touches no stamp', async () => {
    const lock = await acquireRunLock(scratch.at('lock'), { timeout: 5 });
    try {
      const { code, stdout, stderr } = await program('--scratch', scratch.at('space'), '--json', 'drill');
      assert.equal(code, 0, stderr);
      const { command, counts, drill } = JSON.parse(stdout);
      assert.deepEqual([command, counts.same, drill.rpo.maxSeconds, drill.estimate.metrics], ['drill', 3, 0, 3]);
      assert.match(stderr, /^measured RPO: 0 s at most .*in the median of 3 metrics$/m);
      assert.match(stderr, /^measured RTO: [\d.]+ s for 3 metrics, /m);
      assert.match(stderr, /^estimate for the whole bucket: .* for 3 metrics, /m);
      const left = await readdir(scratch.path);
      assert.ok(!left.includes('space') && !left.includes('stamp'), String(left));
    } finally {
      await lock.release();
    }
  });

  it('restores each metric in one of the parts, and keeps it on request', async () => {
    let restored = 0;
    for (const number of [1, 2]) {
      const { stdout } = await program('--scratch', scratch.at('space'), `--sample=${number}/2`, '--json', 'drill');
      restored += JSON.parse(stdout).counts.restored;
    }
    assert.equal(restored, 3);
    const { code, stderr } = await program('--scratch', scratch.at('kept'), '-m', 'servers.*', '--keep', 'drill');
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^the restored tree is in .*\/kept\/whisper$/m);
    const file = 'servers/web01/cpu.wsp';
    assert.deepEqual(await readFile(scratch.at('kept', 'whisper', file)), await readFile(scratch.at('tree', file)));
  });

  it('exits with 2 without scratch space, with an invalid sample, or inside the tree', async () => {
    for (const [args, told] of [
      [['drill'], /drill needs --scratch/],
      [['--scratch', scratch.at('s'), '--sample', '5', 'drill'], /Cannot drill: --sample must be n\/t/],
      [['--scratch', scratch.at('tree', 's'), 'drill'], /inside the live tree/],
    ] as const) {
      const { code, stderr } = await program(...args);
      assert.deepEqual([code, told.test(stderr)], [2, true], stderr);
    }
  });

  it('exits with 3 if a live file cannot be read', async () => {
    const file = await plantMetric(scratch.at('tree'), 'b', new Uint8Array(9));
    const { code, stderr } = await program('--scratch', scratch.at('space'), 'drill');
    assert.equal(code, 3, stderr);
    assert.match(stderr, /^warning: failed: b: Cannot compare .*b\.wsp/m);
    await writeFile(file, metricFile(2));
  });

  it('exits with 4 if a point differs, or if a backup is damaged, and names it', async () => {
    const bytes = metricFile(1);
    // A value half an hour back: the file's only archive begins behind its header of 28 bytes.
    new DataView(bytes.buffer).setFloat64(28 + 12 * 20 + 4, 4711);
    const file = await plantMetric(scratch.at('tree'), 'a', bytes);
    const differs = await program('--scratch', scratch.at('space'), 'drill');
    assert.equal(differs.code, 4, differs.stderr);
    assert.match(differs.stderr, /^differs: a: 2026-\S+ \(archive of 60 s\): live 4711, restored /m);
    await writeFile(file, metricFile(1));

    const [name = ''] = await readdir(scratch.at('bucket', 'a'));
    await truncate(join(scratch.at('bucket', 'a'), name), 50);
    const damaged = await program('--scratch', scratch.at('space'), 'drill');
    assert.equal(damaged.code, 4, damaged.stderr);
    assert.match(damaged.stderr, /^warning: damaged: a: a\/.*can use nothing instead$/m);
    for (const more of [[], ['--quiet']]) {
      const dry = await program('--scratch', scratch.at('space'), '-n', ...more, 'drill');
      assert.match(dry.stderr, /^warning: Dry run: nothing was fetched, restored or compared.*Drill without -n\.$/m);
      if (more.length === 0) assert.match(dry.stderr, /^drill of .* \(dry run, nothing was fetched or compared\) in /m);
    }
  });
});
