import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { silent } from '../../lib/common/report.ts';
import { listHolds } from '../../lib/operations/holds/holds.ts';
import { machine, restoreTree } from '../fixtures/operations.ts';
import { readTree } from '../fixtures/tree.ts';
import { type Content, contentOf, pointsOf, REACH } from './content.ts';
import { keyOf, type ReplacedItem } from './expected.ts';
import { type Fault, withFault } from './faults.ts';
import { covers, newestBefore, restoredBy, uploadsOf } from './rules.ts';
import { saw } from './seen.ts';
import { isTold, outcomeOf, settleNothing } from './settle.ts';
import type { World } from './world.ts';

export interface RestoreChoice {
  readonly date: { readonly index: number; readonly seconds: number } | null;
  readonly skipGone: boolean;
  readonly overwrite: boolean;
  readonly only: string | undefined;
  readonly fault: Fault | undefined;
}

/** Restores into an empty tree, and compares it with the model byte for byte. */
export async function bringBackNew(world: World, choice: RestoreChoice): Promise<void> {
  const tree = world.newTree();
  const { due, isFailed } = await run(world, tree, choice);
  const files = existsSync(tree) ? await readTree(tree) : new Map<string, Uint8Array>();
  for (const [name, bytes] of files) {
    const item = due.get(name.slice(0, -'.wsp'.length));
    assert.ok(item, `${name} should not be there`);
    assert.ok(Buffer.from(bytes).equals(item.bytes), `${name} is not what was backed up`);
  }
  if (!isFailed) assert.equal(files.size, due.size);
  saw('restores');
  saw('files restored', files.size);
  await settleNothing(world);
}

/** Restores into the tree itself: no local point is lost, and every gap is filled that the backup can fill. */
export async function bringBackHere(world: World, choice: RestoreChoice): Promise<void> {
  const { expected } = world;
  const date = dateOf(world, choice.date);
  const { due, isFailed } = await run(world, world.prefix, choice, date);
  for (const [path, backup] of due) {
    const before = expected.locals.get(path);
    const after = existsSync(world.file(path)) ? contentOf(readFileSync(world.file(path))) : undefined;
    if (after?.sha1 === before?.sha1) {
      if (!isFailed && before && !before.isDamaged && !choice.overwrite) checkFilled(world, before, backup, before);
      continue;
    }
    assert.ok(after, `${path} is lost`);
    if (!before || choice.overwrite) assert.equal(after.sha1, backup.sha1, `${path} is not what was backed up`);
    else {
      assert.ok(!before.isDamaged, `${path} was damaged, and should have been left alone`);
      checkFilled(world, before, backup, after);
      saw('files backfilled');
    }
    expected.locals.set(path, after);
  }
  for (const path of due.keys()) if (!isFailed) assert.ok(expected.locals.has(path), `${path} was not restored`);
  await settleNothing(world);
  saw('restores over a tree');
  if (isFailed) return;
  await run(world, world.prefix, { ...choice, fault: undefined }, date);
  await settleNothing(world);
}

interface Ran {
  /** The expected restored files, by path. */
  readonly due: ReadonlyMap<string, Content>;
  readonly isFailed: boolean;
}

async function run(
  world: World,
  prefix: string,
  choice: RestoreChoice,
  date = dateOf(world, choice.date),
): Promise<Ran> {
  const { skipGone, overwrite, only, fault } = choice;
  const below = only === undefined ? {} : { only };
  const due = restoredBy(world.expected, { skipGone, ...below, ...(date !== undefined && { date }) });
  const faulty = withFault(world.store, fault);
  const before = overwrite && prefix === world.prefix ? stateBefore(world, below, date) : undefined;
  const outcome = await outcomeOf(
    restoreTree(faulty.store, prefix, {
      ...{ processes: 0, now: world.now, machine, skipGone, overwrite, signal: faulty.signal },
      ...(date !== undefined && { date: new Date(date) }),
      ...(only !== undefined && { metrics: `${only}.*` }),
    }),
  );
  if (before) await settleStateBefore(world, below, before, faulty.hit());
  const contents = new Map([...due].map(([path, { content }]) => [path, content]));
  if ('error' in outcome) {
    assert.ok(faulty.hit() && isTold(outcome.error), `failed: ${outcome.error}`);
    return { due: contents, isFailed: true };
  }
  const { counts, stopped } = outcome.summary;
  if (faulty.hit()) {
    // A run that finds nothing looks for a hint, which is a courtesy.
    const isHint = stopped?.code === 'NOTHING_MATCHED';
    assert.ok(counts['failed'] || !faulty.isFailure || isHint, 'a failure was passed over in silence');
    return { due: contents, isFailed: true };
  }
  assert.equal(counts['metrics'], due.size);
  if (due.size === 0) assert.equal(stopped?.code, 'NOTHING_MATCHED');
  const damaged = [...due.keys()].filter(
    (path) => prefix === world.prefix && world.expected.locals.get(path)?.isDamaged,
  );
  assert.equal(counts['failed'], choice.overwrite ? 0 : damaged.length);
  return { due: contents, isFailed: false };
}

interface StateBefore {
  readonly time: number;
  /** What the restore should store, by key. */
  readonly uploads: ReadonlyMap<string, ReplacedItem>;
  /** Whether it may replace any file. */
  readonly isAny: boolean;
}

/** What a restore that overwrites should store first. */
function stateBefore({ expected }: World, below: { only?: string }, date: number | undefined): StateBefore {
  const seconds = Math.floor(expected.now / 1000) * 1000;
  const taken = new Set([...expected.holds.values()].map((hold) => hold.date));
  let time = seconds;
  while (taken.has(time + 1)) time += 1000;
  if (expected.owner !== machine.id) return { time, uploads: new Map(), isAny: false };
  const isReplaceable = (path: string) => newestBefore(expected, path, date) !== undefined && covers(below, path);
  const changed = new Set([...uploadsOf(expected, below).values()].map(({ path }) => path));
  const uploads = new Map<string, ReplacedItem>();
  for (const [path, content] of expected.locals) {
    const newest = expected.backupsOf(path).at(-1);
    // A damaged file is moved aside. A backup of the future is not the state before.
    const isStored = newest && newest.time <= time && !changed.has(path);
    if (!isReplaceable(path) || content.isDamaged || isStored) continue;
    const item: ReplacedItem = { kind: 'replaced', path, time, content, size: 0, modified: expected.storeTime };
    uploads.set(keyOf(item), item);
  }
  return { time, uploads, isAny: [...expected.locals.keys()].some(isReplaceable) };
}

/** Takes the state before and its hold over into the model. A fault may have prevented both. */
async function settleStateBefore(
  world: World,
  { only }: { only?: string },
  { time, uploads, isAny }: StateBefore,
  isFaulty: boolean,
): Promise<void> {
  const { expected, store } = world;
  const actual = await world.objects();
  const holds = await listHolds(store, { report: silent });
  const added = holds.flatMap((hold) => ('name' in hold && !expected.holds.has(hold.name) ? [hold] : []));
  assert.equal(added.length <= 1 && (added.length === 1 || !isAny || isFaulty), true, 'its hold is missing');
  for (const { name, date } of added) {
    assert.equal(date.getTime(), time + 1);
    expected.holds.set(name, { date: date.getTime(), only, until: Number.POSITIVE_INFINITY });
  }
  for (const [key, item] of uploads) {
    const size = actual.get(key);
    assert.ok(size !== undefined || isFaulty, `${key}, the state before a restore, was not stored`);
    if (size === undefined) continue;
    assert.equal(added.length, 1, `${key} was stored before its hold`);
    expected.bucket.set(key, { ...item, size });
    saw('states stored before a restore');
  }
}

function dateOf({ expected }: World, date: RestoreChoice['date']): number | undefined {
  const times = [...expected.bucket.values()]
    .map(({ kind, time }) => (kind === 'replaced' ? time + 1 : time))
    .sort((a, b) => a - b);
  if (!date) return undefined;
  return (times[date.index % Math.max(1, times.length)] ?? expected.now) + date.seconds * 1000;
}

/** Checks a merge by presence: existing points stay, new ones are the backup's, and none is missing. */
function checkFilled(world: World, before: Content, backup: Content, after: Content): void {
  const now = Math.floor(world.expected.now / 1000);
  const [local, source, merged] = [pointsOf(before), pointsOf(backup), pointsOf(after)];
  const isInside = (timestamp: number) => timestamp > now - REACH;
  const held = new Set([...local.keys()].filter(isInside).map(slotOf));
  for (const [timestamp, value] of local)
    if (isInside(timestamp)) assert.equal(merged.get(timestamp), value, `the local point of ${timestamp} is lost`);
  for (const [timestamp, value] of merged)
    if (local.get(timestamp) !== value) assert.equal(source.get(timestamp), value, `${timestamp} comes from nowhere`);
  for (const [timestamp, value] of source) {
    if (!isInside(timestamp) || timestamp > now || held.has(slotOf(timestamp))) continue;
    assert.equal(merged.get(timestamp), value, `the gap at ${timestamp} was not filled`);
  }
}

/** Points of one slot are as many seconds apart as the file reaches back. */
function slotOf(timestamp: number): number {
  return timestamp % REACH;
}
