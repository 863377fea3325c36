import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createS3Store } from '../../../lib/store/drivers/s3/s3.ts';
import { plantMetrics } from '../../fixtures/metric.ts';
import { runTypeScript } from '../../fixtures/runtime.ts';
import { createScratch } from '../../fixtures/scratch.ts';
import { contents, readTree } from '../../fixtures/tree.ts';
import { ownBucket, sharedRadosgw } from '../../servers/shared.ts';
import { keysOf } from '../../store/collect.ts';
import { type Ended, run } from '../cli/program.ts';
import { makeHosts } from './hosts.ts';

const scratch = await createScratch();
const radosgw = await sharedRadosgw();
const { endpoint, accessKeyId, secretAccessKey } = radosgw.s3;
const bucket = ownBucket('ransomed');
const store = createS3Store({ bucket, endpoint, accessKeyId, secretAccessKey });
after(async () => {
  await store.close();
  await radosgw.stop();
  await scratch[Symbol.asyncDispose]();
});

function runbook(...args: readonly string[]): Promise<Ended> {
  const script = fileURLToPath(new URL('../../../scripts/runbooks/ransomware.ts', import.meta.url));
  const all = [...runTypeScript, script, '--fleet-dir', scratch.at('fleet'), '--yes', ...args];
  const env = { PATH: `${scratch.at('bin')}:${process.env['PATH'] ?? ''}`, HOME: '/' };
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const child = spawn(process.execPath, all, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
}

describe('the runbook ransomware, with the real tool', () => {
  it('restores every file of the attacked host on another, and finds that a later moment is too late', async () => {
    const [first, second] = await makeHosts(scratch, ['h1', 'h2']);
    assert.ok(first && second);
    const credentials = scratch.at('reader');
    const keys = `AWS_ACCESS_KEY_ID=${accessKeyId}\nAWS_SECRET_ACCESS_KEY=${secretAccessKey}\n`;
    await writeFile(credentials, keys, { mode: 0o600 });
    for (const { name } of [first, second]) {
      const file = scratch.at(name, 'config.json');
      const config = JSON.parse(await readFile(file, 'utf8'));
      const storageArgs = ['us-east-1', `endpoint=${endpoint}`, 'lock-mode=governance', 'lock-days=1'];
      await writeFile(
        file,
        JSON.stringify({ ...config, storage: 's3', storageArgs, retryFor: 2, ...(name === 'h1' && { bucket }) }),
      );
    }
    await plantMetrics(first.prefix, ['servers/web01/cpu', 'servers/web02/cpu', 'carbon/a']);
    const config = ['--config', scratch.at('h1', 'config.json'), '--credentials', credentials];
    const backup = await run([...config, 'backup']);
    assert.equal(backup.code, 0, backup.stderr);
    // Times of versions may be whole seconds.
    await sleep(1100);
    const moment = new Date().toISOString();
    await sleep(1100);
    const objects = await keysOf(store);
    for (const key of objects.filter((key) => key.endsWith('.wsp.gz'))) {
      await store.put(key, new TextEncoder().encode('encrypted: pay'));
    }
    await sleep(1100);
    const late = new Date().toISOString();
    await sleep(1100);
    assert.deepEqual(await store.delete(objects), []);

    const into = scratch.at('restored');
    const place = ['--host', 'h1', '--into', into, '--on', 'h2', '--bucket', bucket, '--credentials', credentials];
    const tooLate = await runbook(...place, '--as-of', late);
    assert.equal(tooLate.code, 1, tooLate.stdout);
    assert.match(tooLate.stdout, /^Stopped at step 'verify': the command on h2 ended with exit code 4$/m);

    const { code, stdout, stderr } = await runbook(...place, '--as-of', moment, '--anew');
    assert.equal(code, 0, stdout + stderr);
    assert.deepEqual(contents(await readTree(into)), contents(await readTree(first.prefix)));
    assert.match(stdout, /last success +\d{4}-/);
    assert.match(await readFile(scratch.at('services'), 'utf8'), /^h1 disable --now whisper-backup\.timer$/m);
    assert.deepEqual(await keysOf(store), []);
  });

  it('refuses options that contradict each other', async () => {
    const base = ['--host', 'h1', '--as-of', '2026-11-22'];
    for (const [args, message] of [
      [['--into', 'here'], /--into must be an absolute path/],
      [['--into', '/x', '--on', 'h2'], /--on needs --bucket/],
      [['--into', '/x', '--host-is-off'], /--host-is-off needs --on/],
      [['--into', '/x', '--storage-path', 'a'], /--storage-path needs --bucket/],
    ] as const) {
      const { code, stderr } = await runbook(...base, ...args);
      assert.equal(code, 2);
      assert.match(stderr, message);
    }
  });
});
