import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Worker } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { Piscina } from 'piscina';
import { silent } from '../../lib/common/report.ts';
import { createWhisper } from '../../lib/whisper/create.ts';
import { WorkerPool } from '../../lib/workers/pool.ts';
import { lockByPython } from '../fixtures/locker.ts';
import { startScript } from '../fixtures/runtime.ts';
import { isDeno, run } from '../scripts/cli/program.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

describe('the worker pool', () => {
  let directory: string;
  let file: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pool-'));
    file = join(directory, 'a.wsp');
    await writeFile(file, createWhisper([{ secondsPerPoint: 60, points: 60 }]));
  });
  after(() => rm(directory, { recursive: true }));

  function task() {
    return { file, flock: true, fileLockTimeout: 5 };
  }

  it('keeps its threads while they are idle between two files', async () => {
    let started = 0;
    const onWorker = () => started++;
    process.on('worker', onWorker);
    const pool = new WorkerPool({ processes: 3, report: silent });
    try {
      for (let round = 0; round < 10; round++) {
        await Promise.all(Array.from({ length: 6 }, () => pool.run('fingerprint', task())));
        await sleep(20);
      }
    } finally {
      await pool.close();
      process.off('worker', onWorker);
    }
    // Deno does not report new threads, so there this only proves that the work is done.
    assert.ok(started <= 3, `${started} threads were started for 3`);
  });

  // Deno does not report new threads.
  if (!isDeno)
    it('has threads that keep little garbage', async () => {
      const limits: (number | undefined)[] = [];
      const onWorker = ({ resourceLimits }: Worker) => limits.push(resourceLimits?.maxYoungGenerationSizeMb);
      process.on('worker', onWorker);
      const pool = new WorkerPool({ processes: 1, report: silent });
      await pool.run('fingerprint', task()).finally(() => pool.close());
      process.off('worker', onWorker);
      assert.deepEqual(limits, [12]);
    });

  it('does not keep results in memory', async () => {
    const pool = new WorkerPool({ processes: 1, report: silent });
    try {
      const results: WeakRef<object>[] = [];
      for (let i = 0; i < 50; i++) results.push(new WeakRef(await pool.run('recheck', { files: [] })));
      collectGarbage();
      const held = results.filter((result) => result.deref() !== undefined).length;
      // The last one or two may still be on the stack.
      assert.ok(held <= 5, `${held} of 50 results are held`);
    } finally {
      await pool.close();
    }
  });

  it('transfers bytes with their own buffer, and copies others', async () => {
    const data = await readFile(file);
    const sha1 = createHash('sha1').update(data).digest('hex');
    const own = new Uint8Array(gzipSync(data));
    const shared = new Uint8Array([...own, 0]).subarray(0, own.length);
    const pool = new WorkerPool({ processes: 1, report: silent });
    try {
      for (const body of [shared, own]) {
        const backup = { key: 'k', body, algorithm: 'gz', sha1 } as const;
        assert.deepEqual(await pool.run('check', { backup, engine: 'zlib' }, [body]), { outcome: 'sound' });
      }
    } finally {
      await pool.close();
    }
    assert.equal(own.length, 0);
    assert.ok(shared.length > 0);
  });

  it('takes no memory for each byte of a task or of its result', async () => {
    const child = startScript(new URL('../fixtures/byte-pool.ts', import.meta.url), []);
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        said += String(chunk);
      });
    const [code] = await once(child, 'close');
    assert.equal(code, 0, said);
    const { sent, received, peakMiB } = JSON.parse(said);
    assert.ok(Math.min(sent, received) >= 48 * 2 ** 20, said);
    // 300 MiB. Deno took 50 bytes for each byte: 2,700 MiB for each direction.
    assert.ok(peakMiB < 1000, said);
  });

  it('without threads runs tasks in the calling thread, and waits for running tasks', async () => {
    let started = 0;
    const onWorker = () => started++;
    process.on('worker', onWorker);
    const pool = new WorkerPool({ processes: 0, report: silent });
    let done = 0;
    const shots = Array.from({ length: 6 }, () => pool.run('fingerprint', task()).finally(() => done++));
    await pool.close();
    process.off('worker', onWorker);
    assert.deepEqual([started, done], [0, 6]);
    const [shot] = await Promise.all(shots);
    const threaded = new WorkerPool({ processes: 1, report: silent });
    const same = await threaded.run('fingerprint', task()).finally(() => threaded.close());
    assert.equal(same.outcome, 'read');
    assert.deepEqual(shot, same);
  });

  it('waits for a slow thread when it is closed, even if others are done', async () => {
    const free = join(directory, 'free.wsp');
    await copyFile(file, free);
    const pool = new WorkerPool({ processes: 2, report: silent });
    const shoot = (name: string) => pool.run('fingerprint', { ...task(), file: name });
    await Promise.all(Array.from({ length: 8 }, () => shoot(free)));
    await using lock = await lockByPython(file, 'LOCK_EX', 'r+b');
    // Both threads are at work: one has to wait for the lock.
    const shots = Promise.all([shoot(file), shoot(free)]);
    const closed = pool.close();
    setTimeout(() => lock.release(), 700);
    const [outcomes] = await Promise.all([shots, closed]);
    assert.deepEqual(new Set(outcomes.map(({ outcome }) => outcome)), new Set(['read']));
  });

  for (const processes of [0, 1])
    it(`stops waiting for a lock when the run is stopped, with ${processes} threads`, async () => {
      const stop = new AbortController();
      const pool = new WorkerPool({ processes, report: silent, signal: stop.signal });
      stop.abort();
      try {
        const { libc } = await import('../../lib/system/libc.ts');
        const { openSync, closeSync } = await import('node:fs');
        const fd = openSync(file, 'r');
        assert.equal(libc.flock(fd, 2), 0);
        const shot = await pool.run('fingerprint', { ...task(), fileLockTimeout: 60 });
        closeSync(fd);
        assert.equal(shot.outcome === 'failed' && shot.code, 'STOPPED');
      } finally {
        await pool.close();
      }
    });

  it('fails each task if the threads cannot load the tasks, and continues', async () => {
    const filename = new URL('../../lib/workers/boot.cjs', import.meta.url).href;
    const workerData = { entry: 'file:///no/tasks.mjs' };
    const threads = new Piscina({ filename, minThreads: 1, maxThreads: 1, atomics: 'disabled', workerData });
    try {
      // Long enough for the thread to have failed before it has a task.
      await sleep(1000);
      for (const name of ['check', 'storeFiles'])
        await assert.rejects(threads.run({ name, task: {} }), /\/no\/tasks\.mjs/);
    } finally {
      await threads.close();
    }
  });

  // On Node 20, a thread that is terminated while it require()s an ES module aborts the whole process.
  if (!isDeno)
    it('does not load an ES module with require() in a thread', async () => {
      const tree = await mkdtemp(join(directory, 'tree-'));
      for (const name of ['a.wsp', 'b.wsp']) await copyFile(file, join(tree, name));
      const words = ['--prefix', tree, '--storage-path=', '--processes=2', '--nolog', '--nolock', '--nostamp'];
      const env = { NODE_OPTIONS: '--trace-require-module=all' };
      const { code, stderr } = await run([...words, 'backup', 'disk', `path=${join(directory, 'bucket')}`], { env });
      assert.equal(code, 0, stderr);
      assert.match(stderr, /stored 2/);
      assert.doesNotMatch(stderr, /using require\(\)/);
    });
});
