import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { makeStoreError, PermanentError } from '../../lib/store/errors.ts';
import { type StreamOptions, stream } from '../../lib/stream/stream.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';

const THREAD = new URL('../../lib/stream/thread.ts', import.meta.url).href;

/** Writes the file of a thread that produces batches with a generator. */
async function entryOf(scratch: Scratch, generator: string): Promise<URL> {
  await mkdir(scratch.path, { recursive: true });
  const file = scratch.at('entry.ts');
  await writeFile(
    file,
    `import { produce } from ${JSON.stringify(THREAD)};\nproduce(function* (task) { ${generator} }, () => []);\n`,
  );
  return pathToFileURL(file);
}

/** How long a thread of these tests hangs, in milliseconds. */
const HANGS = 8000;

/** What it does meanwhile: it counts. */
const HANG = `const until = Date.now() + ${HANGS}; while (Date.now() < until) Atomics.add(task, 0, 1);`;

async function collect(options: StreamOptions): Promise<unknown[]> {
  const batches = [];
  for await (const batch of stream(options)) batches.push(batch);
  return batches;
}

describe('a stream from a thread', { timeout: 60_000 }, () => {
  it('yields all batches in order, for several tasks in a row', async () => {
    await using scratch = await createScratch();
    const entry = await entryOf(scratch, 'for (let i = 0; i < task; i++) yield i;');
    for (const count of [20, 0, 3])
      assert.deepEqual(
        await collect({ entry, task: count }),
        Array.from({ length: count }, (_, i) => i),
      );
    const both = await Promise.all([collect({ entry, task: 5 }), collect({ entry, task: 6 })]);
    assert.deepEqual(both, [
      [0, 1, 2, 3, 4],
      [0, 1, 2, 3, 4, 5],
    ]);
  });

  it('has a thread that keeps little garbage', async () => {
    await using scratch = await createScratch();
    const threads = "process.getBuiltinModule('node:worker_threads')";
    const entry = await entryOf(scratch, `yield ${threads}.resourceLimits.maxYoungGenerationSizeMb;`);
    assert.deepEqual(await collect({ entry, task: 0 }), [12]);
  });

  it('is only a few batches ahead of its reader', async () => {
    await using scratch = await createScratch();
    const entry = await entryOf(scratch, 'for (let i = 0; i < 100; i++) { task[0] = i; yield i; }');
    const made = new Int32Array(new SharedArrayBuffer(4));
    let most = 0;
    for await (const batch of stream<number>({ entry, task: made })) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      most = Math.max(most, Atomics.load(made, 0) - batch);
    }
    assert.equal(Atomics.load(made, 0), 99);
    assert.ok(most >= 1 && most <= 3, `${most} batches ahead`);
  });

  it('restores class, code, message and cause of errors, after the batches before them', async () => {
    await using scratch = await createScratch();
    const entry = await entryOf(
      scratch,
      `yield 1;
       const cause = Object.assign(new Error('ENOSPC: full'), { code: 'ENOSPC', errno: -28, syscall: 'write', path: '/x' });
       throw Object.assign(new Error('Cannot list', { cause }), { code: task });`,
    );
    const seen: unknown[] = [];
    const read = async (code: string) => {
      for await (const batch of stream({ entry, task: code, makeError: makeStoreError })) seen.push(batch);
    };
    await assert.rejects(read('PERMANENT'), (error) => {
      assert.ok(error instanceof PermanentError);
      assert.equal(error.message, 'Cannot list');
      assert.ok(error.cause instanceof Error);
      assert.equal(error.cause.message, 'ENOSPC: full');
      assert.deepEqual({ ...error.cause }, { code: 'ENOSPC', errno: -28, syscall: 'write', path: '/x' });
      return true;
    });
    assert.deepEqual(seen, [1]);
    await assert.rejects(read('ODD'), { name: 'Error', code: 'ODD', message: 'Cannot list' });
  });

  it('fails instead of hanging when its thread dies or cannot start', async () => {
    await using scratch = await createScratch();
    const failed = { name: 'WhisperBackupError', code: 'THREAD_FAILED' };
    const missing = pathToFileURL(scratch.at('missing.ts'));
    await assert.rejects(collect({ entry: missing, task: 1 }), { ...failed, message: /missing\.ts/ });
    const dying = await entryOf(scratch, 'yield 1; globalThis.process.exit(3);');
    await assert.rejects(collect({ entry: dying, task: 1 }), { ...failed, message: /entry\.ts failed: .*\b3\b/ });
  });

  it('ends at once when its signal is aborted, even if its thread hangs', async () => {
    await using scratch = await createScratch();
    const entry = await entryOf(scratch, `yield 1; ${HANG}`);
    const turns = new Int32Array(new SharedArrayBuffer(4));
    const controller = new AbortController();
    const reason = new Error('enough');
    const read = async () => {
      for await (const _ of stream({ entry, task: turns, signal: controller.signal }))
        setTimeout(() => controller.abort(reason), 50);
    };
    const began = performance.now();
    await assert.rejects(read, reason);
    assert.ok(performance.now() - began < HANGS / 2);
    await stands(turns, began);
  });

  it('ends its thread when the reader stops', async () => {
    await using scratch = await createScratch();
    const entry = await entryOf(scratch, `for (;;) { Atomics.add(task, 0, 1); yield 1; if (task[0] > 1) { ${HANG} } }`);
    const turns = new Int32Array(new SharedArrayBuffer(4));
    const began = performance.now();
    for await (const _ of stream({ entry, task: turns })) break;
    await stands(turns, began);
  });

  it('does not block the calling thread', async () => {
    await using scratch = await createScratch();
    const entry = await entryOf(scratch, 'const end = Date.now() + 300; while (Date.now() < end); yield 1;');
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    try {
      assert.deepEqual(await collect({ entry, task: 1 }), [1]);
    } finally {
      clearInterval(timer);
    }
    assert.ok(ticks > 10, `${ticks} ticks`);
  });
});

/** Waits until the thread is idle. Deno 2.9 cannot terminate a busy thread. */
async function stands(turns: Int32Array, began: number): Promise<void> {
  const sleep = () => new Promise((resolve) => setTimeout(resolve, 50));
  for (;;) {
    const before = Atomics.load(turns, 0);
    await sleep();
    if (Atomics.load(turns, 0) === before) break;
  }
  if (!('Deno' in globalThis)) assert.ok(performance.now() - began < HANGS / 2, 'the thread was not ended');
}
