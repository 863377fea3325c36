import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fillFile } from '../../lib/operations/restore/fill-file.ts';
import { whisperInfo } from '../../lib/whisper/info.ts';
import { backfill } from '../../lib/workers/tasks/backfill.ts';
import { tryByPython } from '../fixtures/locker.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { createScratch } from '../fixtures/scratch.ts';
import { makeOlder } from '../fixtures/tree.ts';

const NOW = Date.UTC(2026, 10, 22, 12) / 1000;
const LOCK = { flock: true, fileLockTimeout: 10 };
const half = metricFile(1, { known: 30 });
const whole = metricFile(1, { known: 60 });

async function knownOf(file: string): Promise<number | undefined> {
  return whisperInfo(new Uint8Array(await readFile(file))).archives[0]?.known;
}

/** Does something each time after the local file was read and before it is written, when the fill asks for the time. */
function optionsActing(act: () => void) {
  const now = () => {
    act();
    return NOW;
  };
  return Object.defineProperty({ ...LOCK, now: NOW, dryRun: false, sync: false }, 'now', { get: now });
}

describe('backfill', () => {
  it('fills the file that replaced the one it has read', async () => {
    await using scratch = await createScratch();
    const file = await plantMetric(scratch.path, 'a', half);
    const { ino } = await stat(file);
    let replaced = 0;
    const replace = () => {
      if (replaced++ > 0) return;
      writeFileSync(scratch.at('new'), half);
      renameSync(scratch.at('new'), file);
    };
    assert.equal(await backfill(file, whole, optionsActing(replace)), 30);
    assert.notEqual((await stat(file)).ino, ino);
    assert.equal(await knownOf(file), 60);
  });

  it('fails with the reason for a file that is replaced each time', async () => {
    await using scratch = await createScratch();
    const file = await plantMetric(scratch.path, 'a', half);
    const replace = () => {
      writeFileSync(scratch.at('new'), half);
      renameSync(scratch.at('new'), file);
    };
    await assert.rejects(backfill(file, whole, optionsActing(replace)), {
      code: 'REPLACED',
      message: /a\.wsp: another process keeps replacing it\. Stop that process/,
    });
  });

  it('waits for the header of a file that is being created, without holding its lock', async () => {
    await using scratch = await createScratch();
    const file = await plantMetric(scratch.path, 'a', new Uint8Array());
    const source = await plantMetric(scratch.path, 'source', whole);
    const filling = fillFile(source, file, { ...LOCK, fileLockTimeout: 60, now: NOW });
    await sleep(50);
    while ((await tryByPython(file, 'LOCK_EX')) !== 'locked');
    // Its header, a part, and the whole of it.
    for (const bytes of [10, 20, 500]) {
      await writeFile(file, half.subarray(0, bytes));
      await sleep(20);
    }
    await writeFile(file, half);
    assert.deepEqual(await filling, { filled: 30 });
    assert.equal(await knownOf(file), 60);
  });

  it('does not wait for a file that has been truncated or empty for longer than the lock timeout', async () => {
    await using scratch = await createScratch();
    const began = performance.now();
    for (const bytes of [new Uint8Array(), half.subarray(0, 100)]) {
      const file = await plantMetric(scratch.path, 'a', bytes);
      await makeOlder(file, 1);
      const options = { flock: true, fileLockTimeout: 600, now: NOW, dryRun: false, sync: false };
      await assert.rejects(backfill(file, whole, options), { code: 'WHISPER_DAMAGED' });
    }
    assert.ok(performance.now() - began < 300_000);
  });
});
