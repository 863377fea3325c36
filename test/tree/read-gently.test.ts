import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fsyncSync, openSync, readFileSync, readSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { dropPages, type PageRange, uncachedPages } from '../../lib/system/page-cache.ts';
import { readGently } from '../../lib/tree/read-gently.ts';
import { lockByPython, tryByPython } from '../fixtures/locker.ts';

const LOCK = { flock: true, fileLockTimeout: 20 };
const MEGABYTE = 2 ** 20;
const room = (bytes: number) => new Uint8Array(bytes);

describe('a file that is read gently', () => {
  let directory: string;
  let file: string;
  const content = new Uint8Array(MEGABYTE + 1000).map((_, i) => i % 251);
  const whole: PageRange = { start: 0, end: MEGABYTE + 4096 };

  beforeEach(async () => {
    // On the disk: /tmp may be a file system in memory, whose pages are never given back.
    directory = await mkdtemp('/var/tmp/whisper-backup-test-');
    file = join(directory, 'a.wsp');
    writeFileSync(file, content);
    const then = new Date(Date.now() - 60_000);
    utimesSync(file, then, then);
  });
  afterEach(() => rm(directory, { recursive: true }));

  for (const flock of [true, false]) {
    it(`leaves no pages in the cache if none were there, ${flock ? 'with' : 'without'} its lock`, async () => {
      makeCold();
      assert.deepEqual(uncached(), [whole]);
      const { bytes } = await readGently(file, { ...LOCK, flock }, room, (read) => read);
      assert.deepEqual(uncached(), [whole]);
      assert.ok(Buffer.from(bytes).equals(content));
    });
  }

  it('keeps all pages in the cache if they were there', async () => {
    makeCold();
    readFileSync(file);
    await readGently(file, LOCK, room, (read) => read);
    assert.deepEqual(uncached(), []);
  });

  it('keeps only the half of its pages that was there', async () => {
    makeCold();
    touch(MEGABYTE / 4, MEGABYTE / 2);
    const before = uncached();
    const bytes = before.reduce((sum, { start, end }) => sum + end - start, 0);
    assert.ok(bytes > 0 && bytes <= MEGABYTE / 2 + 4096, JSON.stringify(before));
    await readGently(file, LOCK, room, (read) => read);
    assert.deepEqual(uncached(), before);
  });

  it('is read from the disk before it is locked', async () => {
    makeCold();
    const held = await lockByPython(file, 'LOCK_EX');
    const waiting = readGently(file, LOCK, room, (read) => read);
    // A disk may be slow. Without the lock nothing else would read the pages.
    for (let tries = 0; tries < 200 && (uncached()?.length ?? 0) > 0; tries++) await sleep(50);
    const meanwhile = uncached();
    await held.release();
    await waiting;
    assert.deepEqual([meanwhile, uncached()], [[], [whole]]);
  });

  it('is read again if it changed after that', async () => {
    makeCold();
    const held = await lockByPython(file, 'LOCK_EX');
    const waiting = readGently(file, LOCK, room, (read) => read);
    await sleep(50);
    const longer = Buffer.concat([content, Buffer.from('more')]).fill(7, 0, 5000);
    writeFileSync(file, longer);
    await held.release();
    const { bytes, stats } = await waiting;
    assert.ok(Buffer.from(bytes).equals(longer));
    assert.equal(stats.size, BigInt(longer.length));
  });

  it('is unlocked afterwards, whether the read succeeded or not', async () => {
    await readGently(file, LOCK, room, (read) => read);
    assert.equal(await tryByPython(file, 'LOCK_EX'), 'locked');
    const failing = () => {
      throw new Error('no memory');
    };
    await assert.rejects(
      readGently(file, LOCK, failing, (read) => read),
      /no memory/,
    );
    assert.equal(await tryByPython(file, 'LOCK_EX'), 'locked');
  });

  it('is not locked during the wait for its file times', async () => {
    const script = fileURLToPath(new URL('../fixtures/lockwatch.py', import.meta.url));
    const watcher = spawn('/usr/bin/python3', ['-B', script, file], { stdio: ['pipe', 'pipe', 'inherit'] });
    const exited = once(watcher, 'exit');
    const lines = createInterface({ input: watcher.stdout })[Symbol.asyncIterator]();
    const refused: number[] = [];
    // On a busy machine any one may be long.
    for (let round = 0; round < 5; round++) {
      watcher.stdin.write('a\n');
      assert.equal((await lines.next()).value, 'written');
      await readGently(file, LOCK, room, (read) => read);
      refused.push(Number((await lines.next()).value));
    }
    watcher.stdin.end();
    await exited;
    assert.ok(Math.min(...refused) < 5, `milliseconds: ${refused.join(', ')}`);
  });

  function makeCold(): void {
    const fd = openSync(file, 'r+');
    fsyncSync(fd);
    dropPages(fd, [whole]);
    closeSync(fd);
  }

  function touch(from: number, bytes: number): void {
    const fd = openSync(file, 'r');
    readSync(fd, new Uint8Array(bytes), 0, bytes, from);
    closeSync(fd);
  }

  function uncached(): PageRange[] {
    const fd = openSync(file, 'r');
    try {
      return uncachedPages(fd, content.length) ?? assert.fail('the kernel does not tell');
    } finally {
      closeSync(fd);
    }
  }
});
