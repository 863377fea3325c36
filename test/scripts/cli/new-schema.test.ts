import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { parseHeader } from '../../../lib/whisper/header.ts';
import { newSchemasOf } from '../../../scripts/cli/run/new-schemas.ts';
import { plantMetrics } from '../../fixtures/metric.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { run } from './program.ts';

const scratch = await createScratch();
after(() => scratch[Symbol.asyncDispose]());

const SCHEMAS = '[a]\npattern = ^a\\.\nretentions = 10s:5m,1m:1h\n[skipped]\nretentions = 1m:1d\n';

describe('a new schema on the command line', () => {
  const own = ['--nolog', '--nolock', '--nostamp', '--no-cache', '--no-color', '--state-dir', scratch.at('state')];
  const disk = ['disk', `path=${scratch.at('stores')}`];
  const restore = (to: string, ...args: readonly string[]) =>
    run([...own, '-b', 'b', '--prefix', scratch.at(to), ...args, 'restore', ...disk]);
  const stepsOf = async (file: string) =>
    parseHeader(await readFile(file)).archives.map(({ secondsPerPoint, points }) => [secondsPerPoint, points]);

  before(async () => {
    await plantMetrics(scratch.at('tree'), ['a/x', 'b/x']);
    await writeFile(scratch.at('schemas'), SCHEMAS);
    await writeFile(scratch.at('methods'), '[all]\npattern = .*\naggregationMethod = sum\n');
    const { code, stderr } = await run([...own, '-b', 'b', '--prefix', scratch.at('tree'), '-q', 'backup', ...disk]);
    assert.equal(code, 0, stderr);
  });

  it('comes from the files of carbon, with a warning for what carbon skips', async () => {
    const files = ['--schemas', scratch.at('schemas'), '--aggregations', scratch.at('methods')];
    const { code, stderr } = await restore('schemas-tree', ...files);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /schemas: \[skipped\] was left out: it has no pattern, so carbon skips it/);
    assert.match(stderr, /restored 2, .*reshaped 2/);
    assert.deepEqual(await stepsOf(scratch.at('schemas-tree', 'a/x.wsp')), [
      [10, 30],
      [60, 60],
    ]);
    assert.deepEqual(await stepsOf(scratch.at('schemas-tree', 'b/x.wsp')), [[60, 10_080]]);
    assert.equal(parseHeader(await readFile(scratch.at('schemas-tree', 'b/x.wsp'))).aggregation, 'sum');
  });

  it('comes from --retentions for all files', async () => {
    const { code, stdout } = await restore('retentions-tree', '--json', '--retentions', '5m:1d, 1m:1h');
    assert.equal(code, 0);
    assert.equal(JSON.parse(stdout).counts.reshaped, 2);
    assert.deepEqual(await stepsOf(scratch.at('retentions-tree', 'a/x.wsp')), [
      [60, 60],
      [300, 288],
    ]);
  });

  it('is refused with the file and the section, or the option', async () => {
    await writeFile(scratch.at('bad'), '[no_carbon]\npattern = ^(?!carbon)\nretentions = 1m:1d\n');
    const log = { warn() {} };
    const refusal = (options: Readonly<Record<string, string>>) =>
      newSchemasOf({ option: (name) => options[name], log: log as never });
    for (const [options, code, message] of [
      [{ schemas: scratch.at('none') }, 'CONFIG', /Cannot read .*none: no such file/],
      [{ schemas: scratch.at('bad') }, 'CONFIG', /Cannot use .*bad: \[no_carbon\]: the pattern .* has look-around/],
      [{ retentions: '10x:1d' }, 'USAGE', /--retentions "10x:1d": the retention "10x:1d" must be like 10s:6h/],
      [{ retentions: '60:10,60:20' }, 'USAGE', /two archives have the same step/],
      [{ retentions: '60:10', schemas: 'x' }, 'USAGE', /--schemas or --retentions, not both/],
      [{ aggregations: scratch.at('methods') }, 'USAGE', /--aggregations needs --schemas or --retentions/],
    ] as const)
      await assert.rejects(refusal(options), { code, message });
    const { code, stderr } = await restore('refused', '--schemas', scratch.at('bad'));
    assert.equal(code, 2);
    assert.match(stderr, /look-around, which a linear-time engine cannot express/);
  });
});
