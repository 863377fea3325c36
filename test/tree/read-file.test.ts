import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, renameSync, truncateSync, utimesSync } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { codeOf } from '../../lib/common/errors.ts';
import { openLocked, readStable } from '../../lib/tree/read-file.ts';
import { type Snapshot, snapshot } from '../../lib/workers/tasks/snapshot.ts';
import { lockByPython, tryByPython } from '../fixtures/locker.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { sh } from '../fixtures/sh.ts';
import { whisperFile } from '../fixtures/tree.ts';

const LOCK = { flock: true, fileLockTimeout: 0.2 };
const UNLOCKED = { flock: false, fileLockTimeout: 0.2 };

describe('a file that is written while it is read', () => {
  it('fails with the remedy if it changes during every read', async () => {
    await using scratch = await createScratch();
    const file = await sparse(scratch, 32);
    await using _ = await startWriter(file, { burst: 600, pause: 0 });
    assert.throws(() => readWhole(file), {
      code: 'KEEPS_CHANGING',
      message: `Cannot read ${file}: it changed during each of 3 reads. Enable locks in carbon (WHISPER_LOCK_WRITES = True).`,
    });
  });

  for (const megabytes of [32, 0.01]) {
    it(`is never read in an inconsistent state: ${megabytes} MB`, async () => {
      await using scratch = await createScratch();
      const file = await sparse(scratch, megabytes);
      await using _ = await startWriter(file, { burst: 0.03, pause: megabytes > 1 ? 0.3 : 0.06 });
      const started = performance.now();
      let good = 0;
      let latest = 0n;
      // On a busy machine quiet moments are rare.
      while (performance.now() - started < (good > 0 && latest > 0n ? 800 : 20_000)) {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
        const bytes = readUnlessChanging(file);
        if (!bytes) continue;
        const first = countAt(bytes, 0);
        const second = countAt(bytes, bytes.length - 8);
        assert.ok(first === second || first === second + 1n, `${first} at the beginning, ${second} at the end`);
        latest = first;
        good++;
      }
      assert.ok(good > 0 && latest > 0n, `${good} reads, ${latest} writes`);
    });
  }

  it('is read completely while it grows and shrinks', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('a.wsp');
    await writeFile(file, 'eight by');
    truncateSync(file, 4);
    assert.equal(new TextDecoder().decode(readWhole(file)), 'eigh');
  });

  it('is the opened one, even if another file has its name now', async () => {
    await using scratch = await createScratch();
    await writeFile(scratch.at('a.wsp'), 'old');
    await writeFile(scratch.at('b.wsp'), 'new');
    const fd = openSync(scratch.at('a.wsp'), 'r');
    renameSync(scratch.at('b.wsp'), scratch.at('a.wsp'));
    assert.equal(new TextDecoder().decode(readStable(scratch.at('a.wsp'), fd)), 'old');
    closeSync(fd);
  });
});

describe('openLocked', () => {
  it('opens only regular files, and does not block on a FIFO', async () => {
    await using scratch = await createScratch();
    sh`mkfifo ${scratch.at('fifo.wsp')}`;
    await mkdir(scratch.at('directory.wsp'));
    await symlink(scratch.at('nothing'), scratch.at('dangling.wsp'));
    await symlink('loop.wsp', scratch.at('loop.wsp'));
    await writeFile(scratch.at('file'), 'content');
    await symlink('file', scratch.at('link.wsp'));
    assert.equal(await openingOf(scratch.at('fifo.wsp')), 'NOT_REGULAR');
    assert.equal(await openingOf(scratch.at('directory.wsp')), 'NOT_REGULAR');
    assert.equal(await openingOf('/dev/zero'), 'NOT_REGULAR');
    assert.equal(await openingOf(scratch.at('dangling.wsp')), 'DANGLING_LINK');
    assert.equal(await openingOf(scratch.at('loop.wsp')), 'LINK_LOOP');
    assert.equal(await openingOf(scratch.at('nothing')), 'VANISHED');
    assert.equal(await openingOf(scratch.at('link.wsp')), 'opened');
  });

  it('locks out Python until the file is closed', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('a.wsp');
    await writeFile(file, 'content');
    const read = await openLocked(file, 'read', LOCK);
    assert.deepEqual(await Promise.all([tryByPython(file, 'LOCK_SH'), tryByPython(file, 'LOCK_EX')]), [
      'locked',
      'blocked',
    ]);
    read.close();
    const write = await openLocked(file, 'write', LOCK);
    assert.equal(await tryByPython(file, 'LOCK_SH'), 'blocked');
    write.close();
    assert.equal(await tryByPython(file, 'LOCK_EX'), 'locked');
  });

  it('fails after its deadline if the file stays locked, and does not wait without locking', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('a.wsp');
    await writeFile(file, 'content');
    await using _ = await lockByPython(file, 'LOCK_EX');
    assert.equal(await openingOf(file), 'LOCK_TIMEOUT');
    assert.equal(await openingOf(file, UNLOCKED), 'opened');
  });
});

describe('a snapshot', () => {
  const now = Date.now();

  it('of a file that vanished after the walk is skipped', async () => {
    await using scratch = await createScratch();
    assert.deepEqual(await taken(scratch.at('gone.wsp')), { outcome: 'skipped', code: 'VANISHED' });
  });

  it('of an empty file is skipped while it is being created, and fails after an hour', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('a.wsp');
    await writeFile(file, '');
    for (const [minutes, expected] of [
      [0, { outcome: 'skipped', code: 'BEING_CREATED' }],
      [59, { outcome: 'skipped', code: 'BEING_CREATED' }],
      [61, { outcome: 'failed', code: 'EMPTY' }],
    ] as const) {
      const then = new Date(now - minutes * 60_000);
      utimesSync(file, then, then);
      assert.deepEqual(await taken(file), expected, `${minutes} minutes old`);
    }
  });

  it('waits for the lock of a writer, and sees its changes', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('a.wsp');
    await writeFile(file, '');
    const held = await lockByPython(file, 'LOCK_EX');
    const waiting = snapshot(taskOf(file, { fileLockTimeout: 20 }), () => false);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const bytes = whisperFile();
    await writeFile(file, bytes);
    await held.release();
    const shot = await waiting;
    assert.equal(shot.outcome, 'changed');
    assert.equal(shot.outcome === 'changed' && shot.bytes, bytes.length);
    assert.ok(
      shot.outcome === 'changed' && shot.sinceRead < 90,
      'the time of the backup is that of the read, not of the wait',
    );
  });

  it('of a file that vanishes during the wait for its lock has the content of the opened file', async () => {
    await using scratch = await createScratch();
    const file = scratch.at('a.wsp');
    await writeFile(file, whisperFile());
    const held = await lockByPython(file, 'LOCK_EX');
    const waiting = snapshot(taskOf(file, { fileLockTimeout: 20 }), () => false);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await rm(file);
    await held.release();
    assert.equal((await waiting).outcome, 'changed');
  });

  function taskOf(file: string, options: { readonly fileLockTimeout?: number } = {}) {
    return { file, ...LOCK, ...options, includeDamaged: false, format: {}, now };
  }

  async function taken(file: string): Promise<{ outcome: Snapshot['outcome']; code?: string }> {
    const shot = await snapshot(taskOf(file), () => false);
    return { outcome: shot.outcome, ...('code' in shot && { code: shot.code }) };
  }
});

function readWhole(file: string): Uint8Array {
  const fd = openSync(file, 'r');
  try {
    return readStable(file, fd);
  } finally {
    closeSync(fd);
  }
}

function readUnlessChanging(file: string): Uint8Array | undefined {
  try {
    return readWhole(file);
  } catch (error) {
    if (codeOf(error) === 'KEEPS_CHANGING') return undefined;
    throw error;
  }
}

async function openingOf(file: string, lock = LOCK): Promise<string> {
  try {
    (await openLocked(file, 'read', lock)).close();
    return 'opened';
  } catch (error) {
    return codeOf(error);
  }
}

async function sparse(scratch: Scratch, megabytes: number): Promise<string> {
  const file = scratch.at('a.wsp');
  await writeFile(file, '');
  truncateSync(file, megabytes * 1e6);
  return file;
}

/** Has Python write to a file, in bursts with pauses, in seconds. */
async function startWriter(
  file: string,
  { burst, pause }: { readonly burst: number; readonly pause: number },
): Promise<AsyncDisposable> {
  const script = fileURLToPath(new URL('../fixtures/writer.py', import.meta.url));
  const child = spawn('/usr/bin/python3', ['-B', script, file, String(burst), String(pause)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  await new Promise((resolve) => setTimeout(resolve, 20));
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function countAt(bytes: Uint8Array, at: number): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at);
}
