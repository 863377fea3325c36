import assert from 'node:assert/strict';
import { chmod, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { plantMetrics } from '../../fixtures/metric.ts';
import { createScratch, type Scratch } from '../../fixtures/scratch.ts';
import { type Ended, run } from './program.ts';

describe('a check of the configured bucket', () => {
  let scratch: Scratch;
  const program = (...args: readonly string[]): Promise<Ended> =>
    run([...args, '--state-dir', scratch.at('state'), '--nolog', '--nolock', '--nostamp', '--quiet'], {
      env: { WHISPER_BACKUP_CONFIG: scratch.at('config.json') },
    });
  const status = async () => {
    const { code, stdout, stderr } = await program('status', '--json');
    assert.equal(code, 0, stdout + stderr);
    return JSON.parse(stdout);
  };
  const verify = (part = '') => program('verify', `--read-data${part}`);

  before(async () => {
    scratch = await createScratch();
    await plantMetrics(scratch.at('tree'), ['a', 'b', 'servers/web01/cpu']);
    const config = { prefix: scratch.at('tree'), bucket: 'bucket', storage: 'disk' };
    await writeFile(
      scratch.at('config.json'),
      JSON.stringify({ ...config, storageArgs: [`path=${scratch.at('stores')}`] }),
    );
    await chmod(scratch.at('config.json'), 0o600);
    await scratch.directory('stores');
    const { code, stderr } = await program('backup');
    assert.equal(code, 0, stderr);
  });
  after(() => scratch[Symbol.asyncDispose]());

  it('is shown by status if it read data, and only if it covered the whole host', async () => {
    for (const less of [[], ['--read-data', '-m', 'a'], ['--read-data', '--date', '2020-01-01'], ['--read-data', '-n']])
      await program('verify', ...less);
    await program('drill', '--scratch', scratch.at('space'), '-m', 'a');
    const { verify: none, drill: neither } = await status();
    assert.deepEqual([none, neither], [undefined, undefined]);
    assert.equal((await verify()).code, 0);
    assert.equal((await program('drill', '--scratch', scratch.at('space'))).code, 0);
    const { verify: verified, drill } = await status();
    for (const { last, failed } of [verified, drill])
      assert.deepEqual([last.part, last.exitCode, typeof last.finished, failed], [null, 0, 'string', null]);
    assert.match((await program('status')).stdout, /^last drill +everything, .* UTC, exit code 0$/m);
  });

  it('uses all metrics if the part of the day is empty', async () => {
    const args = ['drill', '--json', '--scratch', scratch.at('space'), '--sample=today/60000'];
    const { code, stdout, stderr } = await program(...args);
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).counts.restored, 3);
  });

  it('that failed is shown until the same part, or everything, passes, and does not change the state', async () => {
    const stored = scratch.at('stores', 'bucket', 'a');
    const path = join(stored, (await readdir(stored)).find((name) => name.endsWith('.gz')) ?? '');
    const content = await readFile(path);
    await truncate(path, content.length - 9);
    const codes = [(await verify('=1/2')).code, (await verify('=2/2')).code];
    assert.deepEqual(codes.toSorted(), [0, 4]);
    const bad = codes.indexOf(4) + 1;
    assert.equal((await verify(`=${3 - bad}/2`)).code, 0);
    const { verify: found, state } = await status();
    assert.deepEqual([found.last.exitCode, found.failed.part, found.failed.exitCode], [0, `${bad}/2`, 4]);
    assert.equal(state, 'ok');
    assert.match((await program('status')).stdout, new RegExp(`^verify failed +part ${bad}/2, .* exit code 4$`, 'm'));
    await writeFile(path, content);
    assert.equal((await verify(`=${bad}/2`)).code, 0);
    assert.equal((await status()).verify.failed, null);
  });

  it('that could not run is recorded with its reason', async () => {
    const { code } = await program('drill', '--scratch', scratch.at('tree', 'inside'));
    assert.equal(code, 2);
    const { drill } = await status();
    assert.match(drill.failed.error, /inside the live tree/);
  });

  it('that was killed counts as failed once the next one has started', async () => {
    const file = scratch.at('state', 'runs', 'last-verify.json');
    const record = JSON.parse(await readFile(file, 'utf8'));
    const killed = { ...record.last, part: '1/7', finished: null, exitCode: null };
    await writeFile(file, JSON.stringify({ ...record, last: killed }));
    assert.match((await program('status')).stdout, /^last verify +part 1\/7, started .*, has not finished$/m);
    assert.equal((await verify('=2/7')).code, 0);
    assert.deepEqual((await status()).verify.failed, killed);
    assert.match((await program('status')).stdout, /^verify failed +part 1\/7, started .*, has not finished$/m);
  });
});
