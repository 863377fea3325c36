import assert from 'node:assert/strict';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { RunLockedError } from '../../lib/common/errors.ts';
import { acquireRunLock, type RunLock } from '../../lib/system/run-lock.ts';
import { lockByPython, tryByPython } from '../fixtures/locker.ts';
import { startScript } from '../fixtures/runtime.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { sh } from '../fixtures/sh.ts';

const SOON = { timeout: 0.2 };

describe('the run lock', () => {
  it('fails after its timeout if another run holds it, with an error that names file, time and option', async () => {
    await using scratch = await createScratch();
    const path = scratch.at('lock');
    const lock = await acquireRunLock(path, SOON);
    const started = performance.now();
    await assert.rejects(acquireRunLock(path, SOON), (error) => {
      assert.ok(error instanceof RunLockedError);
      assert.equal(error.code, 'RUN_LOCKED');
      assert.match(
        error.message,
        /run lock .*\/lock was not acquired within 0\.2 s \(held by another run\).*--locktimeout/,
      );
      return true;
    });
    const waited = performance.now() - started;
    assert.ok(waited >= 199 && waited < 5000, `waited ${waited} ms`);
    await lock.release();
    await (await acquireRunLock(path, { timeout: 0 })).release();
  });

  it('is acquired by a waiting run as soon as it is released', async () => {
    await using scratch = await createScratch();
    const lock = await acquireRunLock(scratch.at('lock'), SOON);
    const second = acquireRunLock(scratch.at('lock'), { timeout: 20 });
    setTimeout(() => void lock.release(), 100);
    await (await second).release();
  });

  it('excludes other processes, and is free at once when its holder is killed with -9', async () => {
    await using scratch = await createScratch();
    const path = scratch.at('lock');
    const holder = startScript(new URL('../fixtures/run-lock-holder.ts', import.meta.url), [path]);
    assert.equal(await firstLine(holder), 'held');
    await assert.rejects(acquireRunLock(path, SOON), RunLockedError);
    assert.equal(await tryByPython(path, 'LOCK_EX'), 'blocked');

    const exited = once(holder, 'exit');
    holder.kill('SIGKILL');
    await exited;
    assert.ok((await stat(path)).isFile(), 'the file stays');
    await (await acquireRunLock(path, { timeout: 0 })).release();
  });

  it('is marked as soon as its file exists, so that a run killed during its start blocks no other run', async () => {
    await using scratch = await createScratch();
    const starting = acquireRunLock(scratch.at('lock'), SOON);
    assert.equal(readFileSync(scratch.at('lock'), 'utf8'), 'whisper-backup\n');
    await (await starting).release();
  });

  it('stops waiting when the run is interrupted', async () => {
    await using scratch = await createScratch();
    await using _ = await lockOf(scratch.at('lock'));
    const interruption = new AbortController();
    const reason = new Error('interrupted');
    setTimeout(() => interruption.abort(reason), 50);
    const started = performance.now();
    await assert.rejects(
      acquireRunLock(scratch.at('lock'), { timeout: 600, signal: interruption.signal }),
      (error) => error === reason,
    );
    assert.ok(performance.now() - started < 5000);
  });
});

describe('the lock file', () => {
  it('is readable by all with any umask, so that every user can lock it', async () => {
    await using scratch = await createScratch();
    const before = process.umask(0o077);
    let lock: RunLock;
    try {
      lock = await acquireRunLock(scratch.at('lock'), SOON);
    } finally {
      process.umask(before);
    }
    assert.equal((await stat(scratch.at('lock'))).mode & 0o777, 0o644);
    await lock.release();
  });

  it('is removed with the lock, unless it has other content', async () => {
    await using scratch = await createScratch();
    await (await acquireRunLock(scratch.at('lock'), SOON)).release();
    assert.deepEqual(await readdir(scratch.path), []);
    await writeFile(scratch.at('lock'), '1234\n');
    await (await acquireRunLock(scratch.at('lock'), SOON)).release();
    assert.equal(await readFile(scratch.at('lock'), 'utf8'), '1234\n');
    sh`mkfifo ${scratch.at('fifo')}`;
    await (await acquireRunLock(scratch.at('fifo'), { timeout: 20 })).release();
    assert.ok((await stat(scratch.at('fifo'))).isFIFO());
  });

  it('may be a stale one of the Python tool, of a process that has ended', async () => {
    await using scratch = await createScratch();
    await writeFile(scratch.at('lock'), '999999');
    await (await acquireRunLock(scratch.at('lock'), { timeout: 0 })).release();
  });

  it('is never a symbolic link, which any user could create in a shared directory', async () => {
    await using scratch = await createScratch();
    await writeFile(scratch.at('precious'), 'content');
    await symlink(scratch.at('precious'), scratch.at('lock'));
    await assert.rejects(acquireRunLock(scratch.at('lock'), SOON), { code: 'LOCK_FILE', message: /--lockfile/ });
    await symlink(scratch.at('nothing'), scratch.at('dangling'));
    await assert.rejects(acquireRunLock(scratch.at('dangling'), SOON), { code: 'LOCK_FILE' });
  });

  it('is named in the error with its option if its directory is missing', async () => {
    await using scratch = await createScratch();
    await assert.rejects(acquireRunLock(scratch.at('no', 'lock'), SOON), { code: 'LOCK_FILE', message: /--lockfile/ });
  });

  it('of root can be locked by the service user and vice versa, also in a sticky directory', async () => {
    await using scratch = await createScratch();
    // As /var/lock is.
    await mkdir(scratch.at('sticky'));
    await chmod(scratch.at('sticky'), 0o1777);
    const path = scratch.at('sticky', 'lock');

    const first = startScript(new URL('../fixtures/run-lock-holder.ts', import.meta.url), [path], {
      unprivileged: true,
    });
    assert.equal(await firstLine(first), 'held');
    await assert.rejects(acquireRunLock(path, SOON), RunLockedError);
    await letGo(first);
    const lock = await acquireRunLock(path, { timeout: 0 });

    const second = startScript(new URL('../fixtures/run-lock-holder.ts', import.meta.url), [path], {
      unprivileged: true,
    });
    assert.equal(await firstLine(second), 'RUN_LOCKED');
    await letGo(second);
    await lock.release();

    // And vice versa: the leftover of a killed run of root, which another user may not remove.
    await writeFile(path, 'whisper-backup\n');
    const third = startScript(new URL('../fixtures/run-lock-holder.ts', import.meta.url), [path], {
      unprivileged: true,
    });
    assert.equal(await firstLine(third), 'held');
    await letGo(third);
  });
});

async function lockOf(path: string): Promise<AsyncDisposable> {
  await writeFile(path, '');
  return lockByPython(path, 'LOCK_EX');
}

/** Its first line of output, or its errors if it ends without output. */
async function firstLine(child: ChildProcessWithoutNullStreams): Promise<string> {
  let said = '';
  let complained = '';
  child.stderr.on('data', (chunk) => {
    complained += String(chunk);
  });
  return new Promise((resolve) => {
    child.stdout.on('data', (chunk) => {
      said += String(chunk);
      if (said.includes('\n')) resolve(said.slice(0, said.indexOf('\n')));
    });
    child.on('close', () => resolve(complained));
  });
}

async function letGo(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.stdin.end();
  await exited;
}
