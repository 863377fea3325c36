import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import type { Count } from '../../lib/common/codes.ts';
import { codeOf } from '../../lib/common/errors.ts';
import type { Summary } from '../../lib/common/summary.ts';
import { NO_CALENDAR } from './calendar.ts';
import type { Faulty } from './faults.ts';
import type { RunRules } from './rules.ts';
import { uploadsOf, verdictOn } from './rules.ts';
import { saw } from './seen.ts';
import type { World } from './world.ts';

/** How a run ended. */
export type Outcome = { readonly summary: Summary } | { readonly error: unknown };

export async function outcomeOf(run: Promise<Summary>): Promise<Outcome> {
  return run.then(
    (summary) => ({ summary }),
    (error: unknown) => ({ error }),
  );
}

/** Checks that the bucket equals the model, key by key. */
export async function checkBucket(world: World): Promise<void> {
  const { bucket } = world.expected;
  assert.deepEqual([...(await world.objects()).keys()].sort(), [...bucket.keys()].sort());
  for (const [key, item] of bucket) {
    const data = key.replace(/sha1$/, 'wsp.gz');
    assert.ok(item.kind !== 'sha1' || bucket.has(data), `${key} has lost its data, which looks like damage`);
  }
}

/** A run that should change nothing. */
export async function settleNothing(world: World): Promise<void> {
  await checkBucket(world);
  world.checkTree();
}

/**
 * Compares what a backup or purge did with what it should have done, and takes that over into the model. Where a fault
 * came up it may have done less, and must have said so.
 */
export async function settle(world: World, rules: RunRules, outcome: Outcome, faulty: Faulty): Promise<void> {
  const { expected } = world;
  const isBackup = rules.retention !== undefined;
  const known = new Set(expected.stored());
  const due = isBackup ? uploadsOf(expected, rules) : new Map();
  const damaged = [...expected.locals.values()].some(({ isDamaged }) => isDamaged);
  const actual = await world.objects();
  const summary = 'summary' in outcome ? outcome.summary : undefined;
  if (!faulty.hit()) assert.ok(summary, 'error' in outcome ? `failed: ${outcome.error}` : '');
  else if (summary) {
    // A run that finds nothing looks for a hint, which is a courtesy.
    const isHint = summary.stopped?.code === 'NOTHING_MATCHED';
    const isMended = faulty.isMendable && [...due.keys()].every((key) => actual.has(key));
    const isNamed = summary.counts['failed'] || summary.stopped?.code === 'HOLD_UNREADABLE';
    const isSilent = faulty.isFailure && !isHint && !isMended && !isNamed;
    assert.ok(!isSilent, 'a failure was passed over in silence');
  } else
    assert.ok(
      'error' in outcome && isTold(outcome.error),
      `unexpected: ${String('error' in outcome && outcome.error)}`,
    );

  let added = 0;
  for (const [key, item] of due) {
    const size = actual.get(key);
    if (size === undefined) continue;
    added++;
    expected.bucket.set(key, { ...item, size });
    const body = await world.store.get(key, { maxBytes: 1e6 });
    assert.ok(gunzipSync(body).equals(item.content.bytes), `${key} is not what its file held`);
  }
  if (summary && isBackup)
    assert.ok((summary.counts['stored'] ?? 0) <= added, 'a backup that was told of is not there');

  saw(isBackup ? 'backups' : 'purges');
  if (faulty.hit()) saw(summary ? 'faults told of' : 'faults that ended a run');
  saw('files stored', added);
  const { stop, deletes, tombstones, purged, retired } = verdictOn(expected, rules, known);
  const withoutCalendar = verdictOn(expected, { ...rules, ...NO_CALENDAR }, known);
  if (!faulty.hit()) {
    for (const key of deletes) expected.bucket.delete(key);
    for (const [key, item] of tombstones) expected.bucket.set(key, item);
    await checkBucket(world);
    const { counts, stopped } = summary as Summary;
    saw('tombstones', tombstones.size);
    saw('metrics purged', purged);
    saw('backups retired', retired);
    saw('backups kept by a calendar rule alone', withoutCalendar.retired - retired);
    saw('metrics shrunk', counts['shrunk'] ?? 0);
    saw(`runs stopped by ${stopped?.code ?? 'nothing'}`);
    const names: Count[] = ['tombstones', 'purged', ...(isBackup ? (['stored', 'retired'] as const) : [])];
    const told = names.map((name) => counts[name]);
    assert.deepEqual(told, [tombstones.size, purged, ...(isBackup ? [due.size, retired] : [])]);
    if (isBackup && rules.only === undefined) assert.equal((counts['failed'] ?? 0) > 0, damaged);
    if (stopped?.code !== 'NOTHING_MATCHED') assert.equal(stopped?.code, stop);
  } else {
    for (const key of expected.bucket.keys())
      if (!actual.has(key)) assert.ok(deletes.has(key), `${key} is lost: no rule lets it go`);
    for (const [key, item] of tombstones) if (actual.has(key)) expected.bucket.set(key, item);
    for (const key of [...expected.bucket.keys()]) if (!actual.has(key)) expected.bucket.delete(key);
    await checkBucket(world);
  }
  world.checkTree();
}

/** The errors that a fault may end in. */
export function isTold(error: unknown): boolean {
  return codeOf(error) === 'TRANSIENT' || (error instanceof Error && error.message === 'told to stop');
}
