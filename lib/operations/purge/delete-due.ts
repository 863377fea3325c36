import pMap, { pMapIterable } from 'p-map';
import { rootOf, tombstoneKey } from '../../bucket/layout.ts';
import { type Removal, Remover, removalOf } from '../../bucket/removal.ts';
import { each } from '../../common/pages.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import { type Due, dueOf, isDue, type Rules } from '../../expiry/due.ts';
import type { Holds } from '../../expiry/holds.ts';
import type { Absence } from '../../expiry/tombstone.ts';
import type { ObjectStore } from '../../store/store.ts';
import { noNewHold } from '../shared/no-new-hold.ts';
import { presenceOf, type Surveyed, survey } from '../shared/survey.ts';
import type { ExpiringRun } from './expiry.ts';

interface DeletionRules {
  readonly rules: Rules;
  readonly holds: Holds;
  readonly mayExpire: boolean;
  readonly mayPurge: boolean;
  /** Returns whether a metric was missing in the first pass, too. */
  readonly wasGone: (metric: string) => boolean;
}

/**
 * Deletes what is due and writes new tombstones. This second pass lists and walks again; it only runs after a complete
 * first pass and if the guards allow it.
 */
export async function deleteDue(
  run: ExpiringRun,
  { rules, holds, mayExpire, mayPurge, wasGone }: DeletionRules,
): Promise<void> {
  const { began, options, store } = run;
  const { report, signal } = options;
  const remover = new Remover(store, {
    signal,
    onFailure: (metric, reason) => run.fail({ metric, code: 'DELETE_FAILED', reason }),
    mayDelete: noNewHold(holds, store, options),
  });
  let isOrdered = true;
  const onDisorder = (previous: string, key: string) => {
    if (rules.force) return;
    isOrdered = false;
    const what = `${JSON.stringify(key)} came after ${JSON.stringify(previous)}`;
    run.stop('DISORDER', `Purge stopped before its end: a listing was not in ascending order: ${what}`);
  };
  const judged = pMapIterable(
    each(survey(store, options, { onDisorder, signal }), signal),
    async (surveyed) => {
      if (surveyed.kind === 'blind' || !surveyed.stored) return undefined;
      const { stored } = surveyed;
      const due = dueOf(stored, await presenceOf(surveyed, options.prefix), rules, began, holds);
      return isDue(due) ? { surveyed, stored, due } : undefined;
    },
    { concurrency: 16, backpressure: 256 },
  );
  const missing: Surveyed[] = [];
  for await (const found of judged) {
    if (!found) continue;
    const { surveyed, stored, due } = found;
    const mayPurgeNow = mayPurge && wasGone(stored.metric) && isOrdered;
    const isGone = due.absence.isDue && mayPurgeNow;
    if (isGone) {
      run.add('purged');
      const some = due.held.size > 0 ? `all but ${due.held.size} of ` : 'all ';
      report.log('info', `Purging ${some}${stored.backups.length} backups of ${stored.metric}`, 'metrics purged');
    }
    await remover.add(isGone ? removalOf(stored, due.held) : partOf(surveyed.metric, due));
    if (mustMark(store, due.absence) && mayPurgeNow) missing.push(surveyed);
    if (missing.length >= 256) await writeTombstones(run, missing.splice(0));
  }
  await remover.flush();
  await writeTombstones(run, missing);
  run.add('deleted', remover.deleted);

  /** Returns what to delete of a metric that is not purged. */
  function partOf(metric: string, due: Due): Removal {
    if (store.mayDelete === false) return { metric, sha1s: [], data: [], tombstones: [] };
    const expired = mayExpire ? due.retention.expired : [];
    const incomplete = mayPurge ? due.incomplete : [];
    run.add('retired', expired.length);
    for (const { object } of expired) report.log('debug', `Expiring ${object.key}`);
    for (const object of incomplete)
      report.log('info', `Deleting ${object.key}: it is an incomplete backup`, 'incomplete backups deleted');
    return {
      metric,
      sha1s: expired.flatMap((backup) => backup.sha1Object?.key ?? []),
      data: [...expired.map((backup) => backup.object), ...incomplete].map((object) => object.key),
      tombstones: due.absence.invalid.map((tombstone) => tombstone.object.key),
    };
  }
}

/** Returns whether a metric gets a tombstone: the first, or another one on a host that leaves the deletion to a prune elsewhere. */
export function mustMark({ mayDelete = true }: ObjectStore, { isNew, isStale }: Absence): boolean {
  return isNew || (isStale && !mayDelete);
}

/** Writes a tombstone for each metric, dated after its newest backup: otherwise it would be invalid at once. */
async function writeTombstones(run: ExpiringRun, surveyed: readonly Surveyed[]): Promise<void> {
  const { began, options, store } = run;
  const { purge, report, signal } = options;
  const write = async ({ metric, path, stored }: Surveyed): Promise<void> => {
    const newest = stored?.backups.at(-1)?.time.getTime() ?? 0;
    const time = new Date(Math.max(began.getTime(), newest + 1000));
    try {
      await store.put(tombstoneKey(rootOf(options), path, formatTimestamp(time)), new Uint8Array(), { signal });
      run.add('tombstones');
      const span = purge < 0 ? '' : ` for ${purge} days`;
      report.log(
        'info',
        `${metric} is no longer in the local tree: its backups stay${span}`,
        'metrics no longer in the local tree',
      );
    } catch (error) {
      signal.throwIfAborted();
      run.failWith(metric, error);
    }
  };
  await pMap(surveyed, write, { concurrency: 16, signal });
}
