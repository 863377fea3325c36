import assert from 'node:assert/strict';
import { chmod, chown, mkdir } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { Summary } from '../../lib/common/summary.ts';
import { codesOf } from '../fixtures/operations.ts';
import { runProgram, unprivileged } from '../fixtures/runtime.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { Tmpfs } from '../fixtures/tmpfs.ts';
import { contents, minutes, plant, readTree, whisperFile } from '../fixtures/tree.ts';
import { plantNoisy } from './noisy.ts';

const NOW = Math.floor(Date.now() / 1000);

/** Backs a tree up. @returns the arguments that name the bucket. */
async function stored(scratch: Scratch): Promise<string[]> {
  const storage = ['-b', 'b', 'disk', scratch.at('store')];
  const { code, stderr } = await runProgram(['-p', scratch.at('tree'), 'backup', ...storage]);
  assert.equal(code, 0, stderr);
  return storage;
}

interface Ended {
  readonly code: number | null;
  /** Codes of the failures, or of the run itself if it printed no summary. */
  readonly failed: Record<string, string> | string;
}

/** Restores for show, then really. @returns how the two ended. */
async function bothWays(args: readonly string[], isRoot = true): Promise<readonly [Ended, Ended]> {
  const run = async (...dry: string[]): Promise<Ended> => {
    const wrap = isRoot ? {} : { wrap: unprivileged };
    const { code, stdout, stderr } = await runProgram(['--json', ...dry, ...args], wrap);
    if (stdout === '') return { code, failed: /\((E[A-Z]+)\)|: (permission denied)/.exec(stderr)?.[0] ?? stderr };
    const { failed }: Summary = JSON.parse(stdout);
    return { code, failed: codesOf(failed) };
  };
  return [await run('-n'), await run()];
}

describe('a dry restore ends like the real one', () => {
  it('on a disk without space for all files', async () => {
    await using scratch = await createScratch();
    using disk = new Tmpfs(scratch.at('disk'), 'size=256k,nr_inodes=200');
    const whole = await plantNoisy(scratch.at('tree'), 20);
    const storage = await stored(scratch);
    await mkdir(disk.at('tree'));
    disk.fill(70_000);
    const [dry, real] = await bothWays(['-p', disk.at('tree'), '-f', '1', 'restore', ...storage]);
    assert.deepEqual([dry.code, real.code], [3, 3]);
    const [planned, came] = [dry, real].map(({ failed }) => Object.values(failed));
    assert.deepEqual([...new Set(planned)], ['ENOSPC']);
    assert.deepEqual(planned, came);
    assert.ok(Object.keys(dry.failed).length < whole.size);
  });

  it('on a disk without space for the tree itself, and on a read-only one', async () => {
    await using scratch = await createScratch();
    await plantNoisy(scratch.at('tree'), 2);
    const storage = await stored(scratch);
    using full = new Tmpfs(scratch.at('full'), 'nr_inodes=1');
    using disk = new Tmpfs(scratch.at('disk'), 'size=1m');
    await mkdir(disk.at('tree'));
    await disk.makeReadOnly();
    for (const [prefix, code] of [
      [full.at('tree'), 1],
      [disk.at('new'), 1],
      [disk.at('tree'), 3],
    ] as const) {
      const [dry, real] = await bothWays(['-p', prefix, 'restore', ...storage]);
      assert.deepEqual(dry, real, prefix);
      assert.equal(dry.code, code, prefix);
    }
  });

  it('for a user without write access', async () => {
    await using scratch = await createScratch();
    const whole = whisperFile({ now: NOW, points: minutes(NOW, 30, (i) => i) });
    for (const name of ['a/m.wsp', 'a/n.wsp', 'b/m.wsp', 'c/d/m.wsp']) await plant(scratch.at('tree'), name, whole);
    const storage = await stored(scratch);
    await chmod(scratch.at('store'), 0o755);
    const half = whisperFile({ now: NOW, points: minutes(NOW, 5, (i) => i) });
    // Its own directory with files of others in it, and one of others.
    await plant(scratch.at('back'), 'a/m.wsp', half);
    await mkdir(scratch.at('back', 'b'));
    await chown(scratch.at('back', 'a'), 65534, 65534);
    const before = contents(await readTree(scratch.at('back')));

    const dry = await runProgram(['-n', '-p', scratch.at('back'), 'restore', ...storage], { wrap: unprivileged });
    assert.equal(dry.code, 3, dry.stderr);
    assert.deepEqual(contents(await readTree(scratch.at('back'))), before);

    for (const [args, code, failed] of [
      [['-p', scratch.at('back'), '-m', 'a.n', '--owner', 'root:root'], 3, { 'a.n': 'EPERM' }],
      [['-p', scratch.at('back')], 3, { 'a.m': 'EACCES', 'b.m': 'EACCES', 'c.d.m': 'EACCES' }],
      [['-p', scratch.at('new')], 1, undefined],
    ] as const) {
      const [planned, came] = await bothWays([...args, 'restore', ...storage], false);
      assert.deepEqual(planned, came, args.join(' '));
      assert.equal(planned.code, code, JSON.stringify(planned));
      if (failed) assert.deepEqual(planned.failed, failed);
    }
  });
});
