import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { flock, unlock } from '../../lib/system/flock.ts';
import { lockByPython, tryByPython } from '../fixtures/locker.ts';
import { createScratch } from '../fixtures/scratch.ts';

const WAIT = { timeout: 0.15 };

describe('flock, against fcntl.flock of a Python process', () => {
  const kinds = [
    { theirs: 'LOCK_EX', ours: 'shared', may: false },
    { theirs: 'LOCK_EX', ours: 'exclusive', may: false },
    { theirs: 'LOCK_SH', ours: 'shared', may: true },
    { theirs: 'LOCK_SH', ours: 'exclusive', may: false },
  ] as const;

  for (const { theirs, ours, may } of kinds) {
    it(`${may ? 'shares' : 'waits for'} a file under ${theirs} when it wants it ${ours}`, () =>
      withFile(async (file, fd) => {
        await using _ = await lockByPython(file, theirs);
        if (may) await flock(fd, ours, { ...WAIT, file });
        else await assert.rejects(flock(fd, ours, { ...WAIT, file }), { code: 'LOCK_TIMEOUT' });
      }));

    it(`makes Python ${may ? 'share' : 'wait for'} a file that it holds ${ours}, when that wants ${theirs}`, () =>
      withFile(async (file, fd) => {
        await flock(fd, ours, { ...WAIT, file });
        assert.equal(await tryByPython(file, theirs), may ? 'locked' : 'blocked');
        unlock(fd);
        assert.equal(await tryByPython(file, theirs), 'locked');
      }));
  }

  it('blocks a writer even with a read-only descriptor, until that is closed', () =>
    withFile(async (file) => {
      const fd = openSync(file, 'r');
      await flock(fd, 'exclusive', { ...WAIT, file });
      assert.equal(await tryByPython(file, 'LOCK_EX'), 'blocked');
      closeSync(fd);
      assert.equal(await tryByPython(file, 'LOCK_EX'), 'locked');
    }));

  it('acquires the lock soon after another process releases it', () =>
    withFile(async (file, fd) => {
      const held = await lockByPython(file, 'LOCK_EX', 'r+b');
      const started = performance.now();
      const locked = flock(fd, 'shared', { timeout: 20, file });
      setTimeout(() => void held.release(), 100);
      await locked;
      const waited = performance.now() - started;
      assert.ok(waited >= 90 && waited < 5000, `waited ${waited} ms`);
      await held.release();
    }));
});

describe('a deadline for a lock', () => {
  it('is observed, and the error names the file and the time', () =>
    withFile(async (file, fd) => {
      await using _ = await lockByPython(file, 'LOCK_EX');
      const started = performance.now();
      await assert.rejects(flock(fd, 'shared', { timeout: 0.3, file }), {
        code: 'LOCK_TIMEOUT',
        message: `Cannot lock ${file}: the lock was not acquired within 0.3 s (held by another process)`,
      });
      const waited = performance.now() - started;
      assert.ok(waited >= 299 && waited < 5000, `waited ${waited} ms`);
    }));

  it('of 0 tries once: acquires a free lock, and otherwise fails at once', () =>
    withFile(async (file, fd) => {
      await flock(fd, 'shared', { timeout: 0, file });
      await using _ = await lockByPython(file, 'LOCK_SH');
      const started = performance.now();
      await assert.rejects(flock(fd, 'exclusive', { timeout: 0, file }), { code: 'LOCK_TIMEOUT' });
      assert.ok(performance.now() - started < 1000);
    }));

  it('ends early when the run must stop', () =>
    withFile(async (file, fd) => {
      await using _ = await lockByPython(file, 'LOCK_EX');
      const started = performance.now();
      const stopped = () => performance.now() - started > 100;
      await assert.rejects(flock(fd, 'shared', { timeout: 600, file, stopped }), { code: 'STOPPED' });
      assert.ok(performance.now() - started < 5000);
    }));
});

it('distinguishes a descriptor that cannot be locked from a held lock', () =>
  withFile(async (file) => {
    await assert.rejects(flock(1_000_000, 'shared', { timeout: 5, file }), {
      code: 'NO_LOCKS',
      message: `Cannot lock ${file}: EBADF. If its file system does not support locks, use --no-flock.`,
    });
  }));

/** Lends a file, opened to read. */
async function withFile(task: (file: string, fd: number) => Promise<void>): Promise<void> {
  await using scratch = await createScratch();
  const file = scratch.at('a.wsp');
  await writeFile(file, 'content');
  const fd = openSync(file, 'r');
  try {
    await task(file, fd);
  } finally {
    closeSync(fd);
  }
}
