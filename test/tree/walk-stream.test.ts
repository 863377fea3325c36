import assert from 'node:assert/strict';
import {
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { describe, it } from 'node:test';
import { codeOf, WhisperBackupError } from '../../lib/common/errors.ts';
import { each } from '../../lib/common/pages.ts';
import { walkNow } from '../../lib/tree/local-tree.ts';
import { type BlindSpot, type LocalFile, walk } from '../../lib/tree/walk.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { sh } from '../fixtures/sh.ts';
import { walkAsNobody } from '../fixtures/unprivileged.ts';

/** More names than are walked without a thread, and many batches. */
const MANY = 2600;

function plantMany(scratch: Scratch): string {
  const root = scratch.at('tree');
  for (let i = 0; i < MANY; i++) {
    if (i % 100 === 0) mkdirSync(`${root}/host${i / 100}/cpu.x`, { recursive: true });
    writeFileSync(`${root}/host${Math.floor(i / 100)}/cpu.x/m%2E${i}😀.wsp`, 'x'.repeat(i % 50));
  }
  return root;
}

async function collect(items: AsyncIterable<LocalFile | BlindSpot>): Promise<(LocalFile | BlindSpot)[]> {
  const found = [];
  for await (const item of items) found.push(item);
  return found;
}

describe('the walk of a tree with many files', () => {
  it('yields the same in the same order from a thread', async () => {
    await using scratch = await createScratch();
    const root = plantMany(scratch);
    symlinkSync('host0', `${root}/linked`);
    symlinkSync('nowhere', `${root}/host1/dangling.wsp`);
    symlinkSync('nowhere', `${root}/host1/gone`);
    symlinkSync('..', `${root}/host2/round`);
    symlinkSync(root, `${root}/host3/foreign`);
    lchownSync(`${root}/host3/foreign`, 1234, 1234);
    sh({ cwd: root })`touch b$'\\xff'.wsp b$'\\xfe'.wsp z$'\\xfe'.wsp`;
    for (const stat of [false, true]) {
      const found = await collect(each(walk(`${root}/`, { stat })));
      assert.deepEqual(found, [...walkNow(root, { stat })]);
      assert.equal(found.length, MANY + 100 + 7);
    }
    const blind = (await collect(each(walk(root)))).filter((item) => item.kind === 'blind');
    assert.deepEqual(
      blind.map(({ error }) => error instanceof WhisperBackupError && error.code),
      ['NAME_NOT_UTF8', 'NAME_NOT_UTF8', 'DANGLING_LINK', 'LINK_LOOP', 'UNTRUSTED_LINK', 'NAME_NOT_UTF8'],
    );
    for (const { error } of blind)
      assert.match(error.message, /rename it|remove it|remove the link|Make root the owner/i);
  });

  it('yields the stat of files and targets of links, and none for missing files', async () => {
    await using scratch = await createScratch();
    const elsewhere = scratch.at('elsewhere');
    writeFileSync(elsewhere, '12345');
    utimesSync(elsewhere, 1, 1_700_000_000.125);
    const few = scratch.at('few');
    mkdirSync(few);
    for (const root of [few, plantMany(scratch)]) {
      symlinkSync(elsewhere, `${root}/0linked.wsp`);
      symlinkSync('nowhere', `${root}/1dangling.wsp`);
      symlinkSync('2round.wsp', `${root}/2round.wsp`);
      writeFileSync(`${root}/3.wsp`, '123');
      const found = await collect(each(walk(root, { stat: true })));
      const statOf = (path: string) => found.find((item) => item.kind === 'file' && item.path === path);
      for (const [path, size] of [
        ['0linked', 5],
        ['3', 3],
      ] as const) {
        const { mtimeMs, ctimeMs, ino } = statSync(`${root}/${path}.wsp`);
        const item = statOf(path);
        assert.ok(item?.kind === 'file');
        assert.deepEqual(item.stat, { size, mtimeMs, ctimeMs, ino });
      }
      assert.notEqual(lstatSync(`${root}/0linked.wsp`).ino, statSync(elsewhere).ino);
      for (const path of ['1dangling', '2round']) {
        const item = statOf(path);
        assert.ok(item?.kind === 'file' && 'stat' in item);
        assert.equal(item.stat, undefined);
      }
    }
  });

  it("ends at once with the signal's reason when it is aborted", async () => {
    await using scratch = await createScratch();
    const root = plantMany(scratch);
    const reason = new Error('enough');
    await assert.rejects(
      collect(each(walk(root, { signal: AbortSignal.abort(reason) }), AbortSignal.abort(reason))),
      reason,
    );
    const controller = new AbortController();
    let count = 0;
    const aborted = async () => {
      for await (const _ of each(walk(root, { signal: controller.signal }), controller.signal))
        if (++count === 10) controller.abort(reason);
    };
    await assert.rejects(aborted, reason);
    assert.ok(count < MANY, `${count}`);
  });

  it('can be ended early, and is not far ahead of the reader', async () => {
    await using scratch = await createScratch();
    const root = plantMany(scratch);
    const seen: string[] = [];
    for await (const item of each(walk(root))) {
      seen.push(item.order);
      if (seen.length === 1) rmSync(`${root}/host9`, { recursive: true });
      if (seen.length === 2000) break;
    }
    assert.equal(seen.length, 2000);
    assert.ok(!seen.some((order) => order.startsWith('host9.')));
  });

  it("throws the system's error if the prefix cannot be listed, and reports unreadable directories inside", async () => {
    await using scratch = await createScratch();
    const root = plantMany(scratch);
    chmodSync(`${root}/host7`, 0o000);
    const told = await walkAsNobody(root);
    assert.equal(told.length, MANY - 100 + 1);
    assert.deepEqual(
      told.filter((line) => line.startsWith('blind')),
      ['blind host7. EACCES'],
    );
    await assert.rejects(collect(each(walk(scratch.at('missing')))), (error) => codeOf(error) === 'ENOENT');
  });
});
