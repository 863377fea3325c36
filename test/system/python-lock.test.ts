import assert from 'node:assert/strict';
import { once } from 'node:events';
import { link, readdir, stat, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { holderPids } from '../../lib/system/python-lock.ts';
import { acquireRunLock } from '../../lib/system/run-lock.ts';
import { lockAsPythonTool } from '../fixtures/link-lock.ts';
import { startScript } from '../fixtures/runtime.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';

/** Far longer than anything here. */
const LONG = { timeout: 60 };
const SOON = { timeout: 0.3 };

/** What the Python tool's default is to ours: its lock is a link of this name with `.lock` behind it. */
const optionOf = (scratch: Scratch) => scratch.at('whisper-backup');
const oursOf = (scratch: Scratch) => scratch.at('whisper-backup.lock');

describe('the run lock and the lock of the Python tool', () => {
  it('exclude each other in either order, and leave no files', async () => {
    await using scratch = await createScratch();
    const lock = await acquireRunLock(oursOf(scratch), SOON);
    assert.equal((await lockAsPythonTool(optionOf(scratch))).said, 'LockTimeout');
    await lock.release();
    assert.deepEqual(await readdir(scratch.path), []);

    const python = await lockAsPythonTool(optionOf(scratch));
    assert.equal(python.said, 'locked');
    await assert.rejects(acquireRunLock(oursOf(scratch), SOON), {
      code: 'RUN_LOCKED',
      message:
        /lock .*whisper-backup\.lock was not acquired within 0\.3 s \(held by the Python whisper-backup\).*not running, remove/,
    });
    assert.equal(await python.release(), 'released');
    await (await acquireRunLock(oursOf(scratch), LONG)).release();
    assert.deepEqual(await readdir(scratch.path), []);
  });

  it('exclude each other with the same --lockfile', async () => {
    await using scratch = await createScratch();
    const lock = await acquireRunLock(scratch.at('same'), SOON);
    assert.equal((await lockAsPythonTool(scratch.at('same'))).said, 'LockTimeout');
    await lock.release();
    await using python = await lockAsPythonTool(scratch.at('same'));
    assert.equal(python.said, 'locked');
    await assert.rejects(acquireRunLock(scratch.at('same'), SOON), { code: 'RUN_LOCKED' });
    assert.deepEqual(
      (await readdir(scratch.path)).filter((name) => name === 'same'),
      [],
    );
  });

  it('is acquired by a waiting process as soon as it is released', async () => {
    await using scratch = await createScratch();
    const python = await lockAsPythonTool(optionOf(scratch));
    const waiting = acquireRunLock(oursOf(scratch), LONG);
    assert.equal(await python.release(), 'released');
    const lock = await waiting;
    const second = lockAsPythonTool(optionOf(scratch), 60);
    await lock.release();
    assert.equal((await second).said, 'locked');
    assert.equal(await (await second).release(), 'released');
  });

  it('never have two holders while many of both kinds compete', { timeout: 240_000 }, async () => {
    await using scratch = await createScratch();
    let holders = 0;
    let turns = 0;
    const use = async () => {
      assert.equal(++holders, 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      holders--;
      turns++;
    };
    const ours = Array.from({ length: 4 }, async () => {
      for (let turn = 0; turn < 10; turn++) {
        const lock = await acquireRunLock(oursOf(scratch), { timeout: 200 });
        await use();
        await lock.release();
      }
    });
    const pythons = Array.from({ length: 2 }, async () => {
      for (let turn = 0; turn < 5; turn++) {
        const lock = await lockAsPythonTool(optionOf(scratch), 2);
        if (lock.said !== 'locked') continue;
        await use();
        assert.equal(await lock.release(), 'released');
      }
    });
    await Promise.all([...ours, ...pythons]);
    assert.ok(turns >= 40);
    assert.deepEqual(await readdir(scratch.path), []);
  });

  it('is free for our next run, and then for the Python tool, after our run was killed with -9', async () => {
    await using scratch = await createScratch();
    const holder = startScript(new URL('../fixtures/run-lock-holder.ts', import.meta.url), [oursOf(scratch)]);
    await once(holder.stdout, 'data');
    const exited = once(holder, 'exit');
    holder.kill('SIGKILL');
    await exited;
    assert.equal((await lockAsPythonTool(optionOf(scratch))).said, 'LockTimeout');
    await (await acquireRunLock(oursOf(scratch), { timeout: 0 })).release();
    await using python = await lockAsPythonTool(optionOf(scratch));
    assert.equal(python.said, 'locked');
  });

  it('is free for both at once after the Python tool was killed with -9, and its files are removed', async () => {
    await using scratch = await createScratch();
    const python = await lockAsPythonTool(optionOf(scratch));
    assert.equal(python.said, 'locked');
    await python.killAtOnce();
    assert.equal((await readdir(scratch.path)).length, 2);
    await (await acquireRunLock(oursOf(scratch), { timeout: 0 })).release();
    assert.deepEqual(await readdir(scratch.path), []);
  });

  it('is not taken from a Python tool on another host or with an unknown process id', async () => {
    for (const name of ['another-host-7f00aa.12345-678', 'whatever']) {
      await using scratch = await createScratch();
      await writeFile(scratch.at(name), '');
      await link(scratch.at(name), oursOf(scratch));
      await assert.rejects(acquireRunLock(oursOf(scratch), SOON), { code: 'RUN_LOCKED' });
      assert.equal((await stat(oursOf(scratch))).nlink, 2);
    }
  });

  it('is not acquired while the Python tool releases it and its lock has one name', async () => {
    await using scratch = await createScratch();
    await writeFile(oursOf(scratch), '');
    await assert.rejects(acquireRunLock(oursOf(scratch), { timeout: 0 }), { code: 'RUN_LOCKED' });
    assert.deepEqual(await readdir(scratch.path), ['whisper-backup.lock']);
  });

  it('replaces the file of earlier releases, which blocked the Python tool for ever', async () => {
    await using scratch = await createScratch();
    await writeFile(oursOf(scratch), '');
    await (await acquireRunLock(oursOf(scratch), LONG)).release();
    assert.deepEqual(await readdir(scratch.path), []);
    await using python = await lockAsPythonTool(optionOf(scratch));
    assert.equal(python.said, 'locked');
  });
});

describe('the process that holds a lock of the Python tool', () => {
  const names: readonly [string, readonly number[]][] = [
    ['-7f8a1b2c.4242-1234567890123456789', [4242]],
    ['.4242-17', [4242]],
    ['-7f8a1b2c.4242', [4242]],
    // Nothing separates the two, but a hash is less than 2 to the 63rd.
    ['-7f8a1b2c.42421234567890123456789', [4242, 42421, 424212]],
    ['-7f8a1b2c.42429123456789012345678', [4242, 42429, 424291]],
    ['-7f8a1b2c.99999999-1', []],
    ['.example.org-7f8a1b2c.4242-17', []],
    ['x', []],
  ];
  for (const [name, pids] of names) {
    it(`is one of [${pids.join(', ')}] by <host>${name}`, () => {
      const found = holderPids(name);
      for (const pid of pids) assert.ok(found.includes(pid), `${found}`);
      if (pids.length < 2) assert.deepEqual(found, pids);
      assert.ok(!found.includes(42) && !found.includes(4));
    });
  }
});
