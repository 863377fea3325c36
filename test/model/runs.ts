import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { GuardError } from '../../lib/common/errors.ts';
import type { JudgedBackup } from '../../lib/expiry/judged.ts';
import { withDryRun } from '../../lib/store/decorators/dry-run.ts';
import { backUp, machine, purgeGone } from '../fixtures/operations.ts';
import { NO_CALENDAR } from './calendar.ts';
import { type Item, keyOf } from './expected.ts';
import { type Fault, withFault } from './faults.ts';
import { covers, heldOf, type RunRules, retiredOf, uploadsOf } from './rules.ts';
import { saw } from './seen.ts';
import { outcomeOf, settle, settleNothing } from './settle.ts';
import type { World } from './world.ts';

/** How a backup or purge is run. */
export interface RunChoice extends Required<Omit<RunRules, 'only'>> {
  readonly only: string | undefined;
  readonly cached: boolean;
  readonly fault: Fault | undefined;
}

const HOUR = 3_600_000;

/** Backs up, or purges, and compares. */
export async function backUpBoth(world: World, command: 'backup' | 'purge', choice: RunChoice): Promise<void> {
  const { retention, fault, cached, ...rest } = choice;
  const { only, ...shared } = rest;
  const rules: RunRules = {
    ...shared,
    ...(only !== undefined && { only }),
    ...(command === 'backup' && { retention }),
  };
  const faulty = withFault(world.store, fault);
  const options = { ...optionsOf(world, rules), signal: faulty.signal, adopt: true };
  const cache = { statCache: { file: world.cacheFile } };
  const outcome = await outcomeOf(
    command === 'purge'
      ? purgeGone(faulty.store, world.prefix, options)
      : hoursLater(cached, () => backUp(faulty.store, world.prefix, { ...options, ...(cached && cache) })),
  );
  const owner = await world.owner();
  assert.ok(owner === machine.id || (faulty.hit() && owner === world.expected.owner), `owned by ${owner}`);
  world.expected.owner = owner;
  await settle(world, rules, outcome, faulty);
}

/**
 * As the Python tool does: data, then checksum, with the current second, whatever exists already.
 *
 * @param calls after so many it is killed.
 */
export async function backUpAsPython(world: World, paths: readonly string[], calls: number): Promise<void> {
  const { expected } = world;
  const time = Math.floor(expected.now / 1000) * 1000;
  let left = calls;
  const put = async (item: Item, body: Uint8Array): Promise<void> => {
    if (left-- <= 0) return;
    await world.store.put(keyOf(item), body);
    expected.bucket.set(keyOf(item), item);
  };
  for (const path of paths) {
    const content = expected.locals.get(path);
    const isTaken = [...expected.bucket.values()].some((item) => item.path === path && item.time === time);
    if (!content || content.isDamaged || isTaken) continue;
    const body = gzipSync(content.bytes);
    await put(
      {
        kind: 'backup',
        path,
        time,
        content,
        size: body.length,
        modified: expected.storeTime,
        pairSince: expected.storeTime,
      },
      body,
    );
    await put({ kind: 'sha1', path, time }, new TextEncoder().encode(content.sha1));
    saw('backups by the Python tool');
  }
}

/** A dry run changes nothing, and reports what the run would do. */
export async function tryOut(world: World, choice: RunChoice): Promise<void> {
  const { only, fault: _, cached: __, ...rest } = choice;
  const rules: RunRules = { ...rest, ...(only !== undefined && { only }) };
  const judged: JudgedBackup[] = [];
  const { counts } = await backUp(withDryRun(world.store), world.prefix, {
    ...optionsOf(world, rules),
    adopt: true,
    dryRun: true,
    onJudged: (backups) => void judged.push(...backups),
  });
  await settleNothing(world);
  const uploads = uploadsOf(world.expected, rules);
  assert.equal(counts['stored'], uploads.size);
  checkJudged(world, rules, judged, new Set([...uploads.values()].map(({ path }) => path)));
}

/** Every backup is named once, with the reason why it stays or goes. */
function checkJudged(
  { expected }: World,
  rules: RunRules,
  judged: readonly JudgedBackup[],
  changed: Set<string>,
): void {
  const fates = new Map(judged.map(({ key, keptBy, deletedBecause }) => [key, { keptBy, deletedBecause }]));
  assert.equal(fates.size, judged.length, 'a backup was named twice');
  for (const { keptBy, deletedBecause } of fates.values())
    assert.equal((keptBy === undefined) !== (deletedBecause === undefined), true);
  for (const path of expected.stored().filter((path) => covers(rules, path))) {
    const backups = expected.backupsOf(path);
    for (const item of backups) assert.ok(fates.has(keyOf(item)), `${keyOf(item)} was not named`);
    if (!expected.locals.has(path) || changed.has(path)) continue;
    const held = heldOf(expected, path);
    const retired = new Set(retiredOf(backups, rules, expected.now).filter((item) => !held.has(item)));
    for (const item of backups)
      assert.equal(fates.get(keyOf(item))?.deletedBecause !== undefined, retired.has(item), keyOf(item));
    saw('fates named by a dry run', backups.length);
  }
}

/** Another host must not use the bucket unless it adopts it; then this one must not. */
export async function backUpElsewhere(world: World, adopt: boolean): Promise<void> {
  const { expected } = world;
  const stranger = { id: 'another', host: 'web02' };
  const rules: RunRules = { ...NO_CALENDAR, retention: 1, keepWithin: 0, purge: 0, purgeShare: 100, force: true };
  const options = { ...optionsOf(world, rules), machine: stranger, adopt };
  const isRefused = expected.owner !== undefined && expected.owner !== stranger.id && !adopt;
  const faulty = withFault(world.store, undefined);
  const run = backUp(faulty.store, world.prefix, options);
  if (isRefused) {
    await assert.rejects(run, (error) => error instanceof GuardError && error.code === 'FOREIGN_BUCKET');
    await settleNothing(world);
    saw('strangers refused');
    return;
  }
  await settle(world, rules, await outcomeOf(run), faulty);
  expected.owner = stranger.id;
}

function optionsOf(world: World, { only, ...rules }: RunRules) {
  return { processes: 0, now: world.now, ...rules, ...(only !== undefined && { metrics: `${only}.*` }) };
}

/**
 * A file is believed to be unchanged only some seconds after it was written; a model does not wait for them. (Two
 * versions of a file never look alike here: their modification times differ.)
 */
async function hoursLater<T>(isLater: boolean, run: () => Promise<T>): Promise<T> {
  const real = Date.now;
  if (isLater) Date.now = () => real() + HOUR;
  try {
    return await run();
  } finally {
    Date.now = real;
  }
}
