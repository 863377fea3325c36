import assert from 'node:assert/strict';
import { readdir, utimes, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { metricFile, plantMetric } from '../../fixtures/metric.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { run } from './program.ts';

describe('prune', () => {
  it('deletes from another machine what a host with deletes: never leaves', async () => {
    await using scratch = await createScratch();
    const common = ['--nolog', '--nostamp', '--nolock', '-b', scratch.at('bucket'), '-r', '1'];
    const backup = ['--prefix', scratch.at('tree'), '--deletes', 'never', ...common, 'backup', 'disk'];
    for (const seed of [1, 2, 3]) {
      await plantMetric(scratch.at('tree'), 'a', metricFile(seed));
      const { code, stderr } = await run(backup);
      assert.equal(code, 0, stderr);
    }
    const stored = () => readdir(scratch.at('bucket', 'a'));
    assert.equal((await stored()).length, 3);
    const dry = await run([...common, '-n', '--json', 'prune', 'disk']);
    assert.equal(dry.code, 0, dry.stderr);
    const { judged, counts } = JSON.parse(dry.stdout);
    assert.deepEqual([judged.length, counts.retired, (await stored()).length], [3, 2, 3]);
    const records = ['--state-dir', scratch.at('state')];
    const config = scratch.at('never.json');
    await writeFile(config, JSON.stringify({ deletes: 'never' }));
    const refused = await run([...common, ...records, '--config', config, 'prune', 'disk']);
    assert.deepEqual([refused.code, (await stored()).length], [2, 3], refused.stderr);
    assert.match(refused.stderr, /run prune where deletes are allowed/);
    await assert.rejects(readdir(scratch.at('state', 'runs')), { code: 'ENOENT' });
    const pruned = await run([...common, '--json', 'prune', 'disk']);
    assert.equal(pruned.code, 0, pruned.stderr);
    assert.equal(JSON.parse(pruned.stdout).counts.retired, 2);
    const [left = ''] = await stored();
    assert.equal((await stored()).length, 1);
    await utimes(scratch.at('bucket', 'a', left), 1e9, 1e9);
    const doubtful = await run([...common, 'prune', 'disk']);
    assert.equal(doubtful.code, 3, doubtful.stderr);
    assert.match(doubtful.stderr, /a: .* was written at 2001-09-09T01:46:40.000Z, which contradicts its name/);
  });
});
