import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { codeOf, reasonOf } from '../../lib/common/errors.ts';
import { backfill } from '../../lib/workers/tasks/backfill.ts';
import { publish } from '../../lib/workers/tasks/publish.ts';
import type { PublishTask } from '../../lib/workers/tasks/publish-task.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { casesOf } from '../fixtures/reliability.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { stateOf } from '../fixtures/tree-state.ts';

const it = casesOf('hostile');

const OWNER = 65534;
/** The race runs for so long, and on a busy machine until root has restored often enough. */
const SECONDS = 8;
const LONGEST = 300;
const RESTORED = 100;

const half = metricFile(1, { known: 30 });
const whole = metricFile(1, { known: 60 });

describe('the owner of a tree that root restores to', () => {
  it('cannot redirect root to a file outside, however quickly it replaces names by links', async () => {
    await using scratch = await createScratch();
    const { tree, outside } = await plantBait(scratch);
    const before = await stateOf(outside);
    const attacker = await startAttacker(tree, outside);
    const outcomes = new Map<string, number>();
    const begun = Date.now();
    const isEnough = () => {
      const seconds = (Date.now() - begun) / 1000;
      return seconds > LONGEST || (seconds > SECONDS && (outcomes.get('restored') ?? 0) > RESTORED);
    };
    for (let round = 0; !isEnough(); round++) {
      for (const path of [`r${round}/a/b`, `s${round}/a`, 'fill/a', 'fill/new', `linked/r${round}/a`, 'file/a']) {
        const { outcome } = await publish(taskOf(tree, path, round), () => false);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
      const lock = { flock: true, fileLockTimeout: 0.01, now: Date.now() / 1000, dryRun: false, sync: false };
      for (const name of ['fill', 'file']) await backfill(join(tree, name, 'a.wsp'), whole, lock).catch(assertExpected);
    }
    const swaps = await attacker.stop();
    assert.deepEqual(await stateOf(outside), before);
    assert.ok(swaps > 100, `${swaps} names were exchanged`);
    assert.ok((outcomes.get('restored') ?? 0) > RESTORED, JSON.stringify([...outcomes]));
  });
});

/** What a fill may report when its file or directory has just been exchanged, or is locked. */
function assertExpected(error: unknown): void {
  const expected = [
    'UNTRUSTED_LINK',
    'VANISHED',
    'REPLACED',
    'LOCK_TIMEOUT',
    'ELOOP',
    'NOT_A_DIRECTORY',
    'NOT_REGULAR',
  ];
  assert.ok(expected.includes(codeOf(error)), reasonOf(error));
}

/** A tree of another user, and around it files of root's that are worth something to that user. */
async function plantBait(scratch: Scratch): Promise<{ tree: string; outside: string }> {
  const tree = await scratch.directory('tree');
  const outside = await scratch.directory('outside');
  await writeFile(join(outside, 'precious'), 'root’s own', { mode: 0o600 });
  await plantMetric(outside, 'fill/a', half);
  await plantMetric(outside, 'a', half);
  // Root's own link, which may be followed.
  await scratch.directory('disk');
  await symlink(scratch.at('disk'), join(tree, 'linked'));
  for (const name of ['fill', 'file']) {
    await mkdir(join(tree, name));
    await plantMetric(tree, `${name}/a`, half);
    await chown(join(tree, name, 'a.wsp'), OWNER, OWNER);
    await chown(join(tree, name), OWNER, OWNER);
  }
  await chown(tree, OWNER, OWNER);
  return { tree, outside };
}

/** Most restores fill, some replace, so that files must be filled again. */
function taskOf(prefix: string, path: string, round: number): PublishTask {
  const overwrite = round % 3 === 2;
  const data = overwrite ? half : whole;
  const backup: PublishTask['backup'] = {
    key: 'the/key',
    body: gzipSync(data, { level: 1 }),
    algorithm: 'gz',
    sha1: createHash('sha1').update(data).digest('hex'),
  };
  const locks = { flock: true, fileLockTimeout: 0.01 };
  return { prefix, path, backup, overwrite, replaceDamaged: true, dryRun: false, now: Date.now(), ...locks };
}

/** Starts the owner of the tree. @returns how to end it, and to learn how many names it has exchanged. */
async function startAttacker(tree: string, outside: string): Promise<{ stop(): Promise<number> }> {
  const script = fileURLToPath(new URL('../fixtures/treeowner.py', import.meta.url));
  const ids = [`--reuid=${OWNER}`, `--regid=${OWNER}`, '--clear-groups'];
  const child = spawn('setpriv', [...ids, '/usr/bin/python3', '-B', script, tree, outside], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, 'ready');
  return {
    async stop() {
      child.stdin.end();
      const { value } = await lines.next();
      await ended;
      return Number(value);
    },
  };
}
