import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { createWhisper } from '../../../lib/whisper/create.ts';
import { plantMetric } from '../../fixtures/metric.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { run } from './program.ts';

const scratch = await createScratch();
after(() => scratch[Symbol.asyncDispose]());

describe('whisper-backup schema', () => {
  const schema = (...args: readonly string[]) =>
    run(['--no-color', '--prefix', scratch.at('tree'), '--schemas', scratch.at('schemas'), ...args, 'schema']);

  before(async () => {
    await writeFile(
      scratch.at('schemas'),
      '[a]\npattern = ^a\\.\nretentions = 1m:1h,5m:1d\n[z]\npattern = .*\nretentions = 1m:2h\n',
    );
    await writeFile(scratch.at('methods'), '[all]\npattern = ^z\naggregationMethod = max\nxFilesFactor = 0.3\n');
    const hours = (points: number) => createWhisper([{ secondsPerPoint: 60, points }]);
    await plantMetric(scratch.at('tree'), 'a/x', hours(60));
    await plantMetric(scratch.at('tree'), 'b', hours(240));
    await plantMetric(scratch.at('tree'), 'z', hours(120));
  });

  it('lists the files that differ, with the change in bytes, and nothing else', async () => {
    const { code, stdout, stderr } = await schema();
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.split('\n'), [
      '       +3468  60:60 average 0.5 -> 60:60,300:288 average 0.5  a.x',
      '       -1440  60:240 average 0.5 -> 60:120 average 0.5  b',
      '',
    ]);
    assert.match(stderr, /2 of 3 files have another schema: \+1\.98 KiB if all of them change, failed 0/);
  });

  it('prints a record for each with --json, and compares method and xFilesFactor if there are rules for them', async () => {
    const { stdout } = await schema('--json', '--aggregations', scratch.at('methods'), '-m', 'z');
    assert.deepEqual(JSON.parse(stdout), {
      metric: 'z',
      local: { retentions: '60:120', aggregation: 'average', xFilesFactor: 0.5, bytes: 1468 },
      wanted: { retentions: '60:120', aggregation: 'max', xFilesFactor: 0.3, bytes: 1468 },
      change: 0,
    });
  });

  it('names files that it cannot read, with exit code 3, and lists the others', async () => {
    await plantMetric(scratch.at('broken'), 'bad', new Uint8Array(50));
    await plantMetric(scratch.at('broken'), 'empty', new Uint8Array());
    await plantMetric(scratch.at('broken'), 'good', createWhisper([{ secondsPerPoint: 60, points: 10 }]));
    const { code, stdout, stderr } = await schema('--prefix', scratch.at('broken'));
    assert.equal(code, 3);
    assert.match(stderr, /failed: bad: it is not a valid Whisper file/);
    assert.match(stdout, /^ +\+1320 .* good\n$/);
  });

  it('ends with exit code 1 without files, and 2 without a schema', async () => {
    const none = await schema('-m', 'none');
    assert.equal(none.code, 1);
    assert.match(none.stderr, /No file in .* is selected/);
    const bare = await run(['--prefix', scratch.at('tree'), 'schema']);
    assert.equal(bare.code, 2);
    assert.match(bare.stderr, /schema needs --schemas or --retentions/);
  });
});
