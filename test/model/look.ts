import assert from 'node:assert/strict';
import { listAll, verifyAll } from '../fixtures/operations.ts';
import { keyOf, metricOf } from './expected.ts';
import { saw } from './seen.ts';
import type { World } from './world.ts';

const DAY = 86_400_000;

/** Checks that every backup is listed and that verify finds no damage, whatever failed before. */
export async function lookThrough(world: World, readData: boolean): Promise<void> {
  const { expected } = world;
  const items = expected.stored().flatMap((path) => expected.backupsOf(path));
  const replaced = expected.stored().flatMap((path) => expected.replacedOf(path));
  const leftovers = expected.stored().flatMap((path) => expected.leftoversOf(path));
  const damages = leftovers.filter(({ time, pairSince = 0 }) => expected.now - Math.max(time, pairSince) > DAY);
  const listed = (await listAll(world.store)).map(({ metric, date, sha1 }) => `${metric} ${Date.parse(date)} ${sha1}`);
  const told = items.map(({ path, time, content, pairSince }) => {
    const sha1 = pairSince === undefined ? content.sha1 : undefined;
    return `${metricOf(path)} ${time} ${sha1}`;
  });
  assert.deepEqual(listed.sort(), told.sort());
  const { counts, damaged = [], failed } = await verifyAll(world.store, { processes: 0, now: world.now, readData });
  assert.deepEqual([counts['backups'], failed], [items.length + replaced.length, []]);
  assert.deepEqual(damaged.map(({ key }) => key).sort(), damages.map(keyOf).sort());
  saw('backups verified', items.length);
  if (readData) assert.equal(counts['read'], items.length + replaced.length);
}
