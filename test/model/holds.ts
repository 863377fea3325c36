import assert from 'node:assert/strict';
import fc from 'fast-check';
import { codeOf } from '../../lib/common/errors.ts';
import { silent } from '../../lib/common/report.ts';
import { addHold, releaseHold } from '../../lib/operations/holds/holds.ts';
import { heldBy } from './rules.ts';
import { saw } from './seen.ts';
import { settleNothing } from './settle.ts';
import { step } from './step.ts';
import type { World } from './world.ts';

const DAY = 86_400_000;

const name = fc.constantFrom('incident', 'audit');

/** Holds some or all metrics as of some days ago, for ever or for some days. */
export const add = fc
  .record({
    name,
    days: fc.constantFrom(0, 0.5, 1, 3, 12),
    lasts: fc.constantFrom(3, 30, Number.POSITIVE_INFINITY),
    only: fc.constantFrom(undefined, undefined, 'servers'),
  })
  .map((choice) =>
    step(
      `hold ${JSON.stringify(choice)}`,
      (world) => hold(world, choice),
      ({ holds }) => !holds.has(choice.name),
    ),
  );

export const release = name.map((name) =>
  step(
    `release ${name}`,
    async (world) => {
      await releaseHold(world.store, { report: silent, name });
      world.expected.holds.delete(name);
      await settleNothing(world);
    },
    ({ holds }) => holds.has(name),
  ),
);

async function hold(
  world: World,
  { name, days, lasts, only }: { name: string; days: number; lasts: number; only: string | undefined },
): Promise<void> {
  const { expected } = world;
  const { now } = expected;
  const item = { date: now - days * DAY, only, until: now + lasts * DAY };
  const held = expected.stored().map((path) => heldBy([item], now, path, expected).size);
  const kept = held.reduce((sum, count) => sum + count, 0);
  const result = await addHold(world.store, {
    ...{ report: silent, now: world.now, name, date: new Date(item.date) },
    ...(only !== undefined && { metrics: `${only}.*` }),
    ...(Number.isFinite(item.until) && { until: new Date(item.until) }),
  }).then(({ backups }) => backups, codeOf);
  assert.equal(result, kept > 0 ? kept : 'NOTHING_MATCHED');
  if (kept > 0) expected.holds.set(name, item);
  await settleNothing(world);
  saw('backups held', kept);
}
