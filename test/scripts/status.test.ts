import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { after, describe, it } from 'node:test';
import * as v from 'valibot';
import { hostStatusSchema } from '../../scripts/hoststatus.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { plantTree } from '../fixtures/tree.ts';
import { run } from './program.ts';

const scratch = await createScratch();
const prefix = await scratch.directory('tree');
await plantTree(prefix, ['servers/web1/cpu.wsp', 'servers/web1/load.wsp']);
const stores = await scratch.directory('stores');
after(() => scratch[Symbol.asyncDispose]());

/** A host with a state directory and a bucket of its own. */
function host(name: string) {
  const state = scratch.at(`state-${name}`);
  const place = ['disk', stores, '--state-dir', state, '-b', name];
  const quiet = ['-p', prefix, '--nolog', '--nolock', '--nostamp', '--quiet'];
  return {
    state,
    backup: (...more: readonly string[]) => run(['backup', ...place, ...quiet, ...more]),
    text: (...more: readonly string[]) => run(['status', ...place, ...more]),
    async status(...more: readonly string[]) {
      const { code, stdout, stderr } = await run(['status', ...place, '--json', ...more]);
      assert.equal(stdout.split('\n').length, 2, stderr);
      return { code, ...v.parse(hostStatusSchema, JSON.parse(stdout)) };
    },
  };
}

/** Makes a record look as if its run had been so many seconds earlier. */
async function age(directory: string, seconds: number): Promise<void> {
  for (const name of await readdir(directory)) {
    const record = JSON.parse(await readFile(`${directory}/${name}`, 'utf8'));
    record.finished = new Date(Date.parse(record.finished) - seconds * 1000).toISOString();
    await writeFile(`${directory}/${name}`, JSON.stringify(record));
  }
}

describe('whisper-backup status', () => {
  it('is unknown, and red, before the first backup', async () => {
    const { text, status } = host('new');
    const { code, stdout, stderr } = await text();
    assert.deepEqual([code, stderr], [1, '']);
    assert.match(stdout, /UNKNOWN, no success is on record/);
    assert.equal((await status()).state, 'unknown');
  });

  it('is ok after a success, by the host and by its bucket alike', async () => {
    const { backup, text, status } = host('well');
    assert.equal((await backup()).code, 0);
    const own = await status();
    assert.deepEqual(
      [own.code, own.state, own.source, own.host, own.metrics, own.stored, own.failed],
      [0, 'ok', 'host', hostname(), 2, 2, 0],
    );
    assert.ok(own.ageSeconds !== null && own.ageSeconds < 60);
    const stored = await status('--bucket-records');
    assert.deepEqual([stored.code, stored.state, stored.source, stored.nextTimer], [0, 'ok', 'bucket', null]);
    assert.deepEqual([stored.host, stored.lastSuccess, stored.bytes], [own.host, own.lastSuccess, own.bytes]);
    assert.match((await text()).stdout, /^last backup +metrics 2, stored 2, unchanged 0, failed 0, /m);
  });

  it('is failed after a run that failed, whatever the failure', async () => {
    const { backup, status } = host('failed');
    assert.equal((await backup()).code, 0);
    assert.equal((await backup('-p', scratch.at('no-tree'))).code, 1);
    const broken = await status();
    assert.deepEqual([broken.code, broken.state, broken.lastRun?.exitCode, broken.metrics], [1, 'failed', 1, 2]);
    assert.match(broken.lastRun?.error ?? '', /no-tree/);
    assert.equal((await status('--bucket-records')).state, 'failed');
    assert.equal((await backup()).code, 0);
    assert.equal((await status()).state, 'ok');
  });

  it('is late when the last success is older than two intervals', async () => {
    const { backup, state, status } = host('late');
    assert.equal((await backup('--interval', '60')).code, 0);
    await age(`${state}/runs`, 121);
    await age(`${stores}/late/.whisper-backup/runs`, 121);
    assert.deepEqual(
      [(await status('--interval', '60')).state, (await status('--interval', '3600')).state],
      ['late', 'ok'],
    );
    const stored = await status('--bucket-records');
    assert.deepEqual([stored.code, stored.state], [1, 'late']);
  });

  it('passes over what is no record, with a warning, and writes nothing', async () => {
    const { backup, state, text } = host('damaged');
    assert.equal((await backup()).code, 0);
    await writeFile(`${state}/runs/2099-01-01T00:00:00+00:00.json`, 'x');
    await writeFile(`${state}/runs/other`, 'x');
    const before = await readdir(`${state}/runs`);
    const { code, stderr } = await text();
    assert.equal(code, 0);
    assert.match(stderr, /^warning: Cannot use the record of a run \S+2099-01-01T00:00:00\+00:00\.json: .*\n$/);
    assert.deepEqual(await readdir(`${state}/runs`), before);
  });

  it('says which directory cannot be read', async () => {
    const { state, text } = host('unreadable');
    await mkdir(state);
    await writeFile(`${state}/runs`, '');
    const { code, stderr } = await text();
    assert.equal(code, 1);
    assert.match(stderr, /Cannot read the records of runs in \S+state-unreadable: .*: see --state-dir/);
  });

  it('ends with 10 when the bucket is missing, and with 2 when it is not named', async () => {
    const { text, backup } = host('gone');
    assert.equal((await backup()).code, 0);
    await rm(`${stores}/gone`, { recursive: true });
    assert.equal((await text()).code, 0);
    assert.equal((await text('--bucket-records')).code, 10);
    assert.equal((await run(['status', '--bucket-records'])).code, 2);
  });
});
