import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Summary } from '../../../lib/common/summary.ts';
import { TransientError } from '../../../lib/store/errors.ts';
import { exitCodeOfSummary } from '../../../scripts/cli/run/exit-code.ts';
import { Bucket } from '../../fixtures/bucket.ts';
import { delegate } from '../../fixtures/delegate.ts';
import { at, fileUntil, putRun } from '../../fixtures/journal-run.ts';
import { codesOf, verifyAll } from '../../fixtures/operations.ts';

async function filled(change?: (text: string) => string): Promise<{ bucket: Bucket; keys: string[] }> {
  const bucket = new Bucket();
  await bucket.backup('a', at(10), fileUntil(10));
  const keys = await putRun(bucket, at(23), [[['a', 9, 23]], [['b', 9, 23]]], change);
  return { bucket, keys };
}

function damageOf(summary: Summary): [string, string][] {
  return (summary.damaged ?? []).map(({ key, code }) => [key, String(code)]);
}

describe('verify of a journal', () => {
  it('finds nothing in a sound one', async () => {
    const { bucket } = await filled();
    for (const readData of [false, true]) {
      const summary = await verifyAll(bucket.store, { readData });
      assert.deepEqual([exitCodeOfSummary(summary), damageOf(summary)], [0, []]);
    }
  });

  it('names parts that are missing or of another size by the listing', async () => {
    const { bucket, keys } = await filled();
    const [first = '', second = ''] = keys;
    await bucket.store.delete([first]);
    await bucket.put(second, at(23), new Uint8Array(5));
    const summary = await verifyAll(bucket.store, {});
    assert.deepEqual(damageOf(summary), [
      [first, 'NOT_FOUND'],
      [second, 'WRONG_SIZE'],
    ]);
    assert.equal(exitCodeOfSummary(summary), 4);
  });

  it('does not take an index that the store does not answer for damage', async () => {
    const { bucket } = await filled();
    const failing = delegate(bucket.store, {
      async get(key, options) {
        if (key.endsWith('index.json')) throw new TransientError(`Cannot read ${key}: slow down`);
        return bucket.store.get(key, options);
      },
    });
    const summary = await verifyAll(failing, {});
    assert.deepEqual([damageOf(summary), Object.values(codesOf(summary.failed))], [[], ['TRANSIENT']]);
    assert.equal(exitCodeOfSummary(summary), 3);
  });

  it('leaves out a run that expires meanwhile', async () => {
    for (const last of ['index.json', '.lines.gz']) {
      const { bucket } = await filled();
      const { store } = bucket;
      const expiring = delegate(store, {
        async get(key, options) {
          if (key.endsWith(last)) await store.delete(await bucket.keys('.whisper-backup/journal/'));
          return store.get(key, options);
        },
      });
      const summary = await verifyAll(expiring, { readData: true });
      assert.deepEqual([damageOf(summary), summary.failed], [[], []], last);
    }
  });

  it('names parts with other bytes or lines if it reads the data', async () => {
    const { bucket, keys } = await filled();
    const [first = ''] = keys;
    const body = Uint8Array.from(await bucket.store.get(first, { maxBytes: 2 ** 20 }));
    body[20] = (body[20] ?? 0) ^ 1;
    await bucket.put(first, at(23), body);
    const summary = await verifyAll(bucket.store, { readData: true });
    assert.deepEqual(
      damageOf(summary).map(([key]) => key),
      [first],
    );

    const lines = await filled((text) => text.replaceAll(' 10 ', ' ten '));
    const damaged = damageOf(await verifyAll(lines.bucket.store, { readData: true }));
    assert.deepEqual(
      damaged,
      lines.keys.map((key) => [key, 'BAD_LINES']),
    );
  });
});
