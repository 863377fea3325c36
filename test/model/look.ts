import assert from 'node:assert/strict';
import { listAll, verifyAll } from '../fixtures/operations.ts';
import { metricOf } from './expected.ts';
import { saw } from './seen.ts';
import type { World } from './world.ts';

/** At any time, whatever failed before: every backup is listed, and verify finds nothing wrong. */
export async function lookThrough(world: World, readData: boolean): Promise<void> {
  const items = [...world.expected.bucket.values()].filter((item) => item.kind === 'backup');
  const listed = (await listAll(world.store)).map(({ metric, date, sha1 }) => `${metric} ${Date.parse(date)} ${sha1}`);
  const expected = items.map(({ path, time, content }) => `${metricOf(path)} ${time} ${content.sha1}`);
  assert.deepEqual(listed.sort(), expected.sort());
  const { counts, damaged, failed } = await verifyAll(world.store, { processes: 0, now: world.now, readData });
  assert.deepEqual([counts['backups'], counts['damaged'], damaged ?? [], failed], [items.length, 0, [], []]);
  saw('backups verified', items.length);
  if (readData) assert.equal(counts['read'], items.length);
}
