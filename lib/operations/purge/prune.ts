import pMap, { pMapIterable } from 'p-map';
import { rootOf, tombstoneKey } from '../../bucket/layout.ts';
import { type Removal, Remover, removalOf } from '../../bucket/removal.ts';
import { codeOf, reasonOf } from '../../common/errors.ts';
import type { RunOptions } from '../../common/options.ts';
import type { Tally } from '../../common/summary.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import { type Due, dueOf, isDue, type Rules } from '../../expiry/due.ts';
import type { ObjectStore } from '../../store/store.ts';
import { presenceOf, type Surveyed, type SurveyOptions, survey } from '../shared/survey.ts';

export interface PruneOptions extends SurveyOptions, Pick<RunOptions, 'report' | 'signal'> {
  readonly rules: Rules;
  readonly now: Date;
  /** Whether a guard stopped each. */
  readonly mayRetire: boolean;
  readonly mayPurge: boolean;
  /** Whether the first pass found a metric gone, too. */
  readonly wasGone: (metric: string) => boolean;
}

/**
 * The second pass: deletes what retention and purge let go of, and writes new tombstones. It goes by a new listing and
 * walk, and is called only when a first pass has compared the whole of both and the guards found nothing wrong.
 */
export async function prune(store: ObjectStore, tally: Tally, options: PruneOptions): Promise<void> {
  const { rules, now, signal } = options;
  const remover = new Remover(store, {
    ...(signal && { signal }),
    onFailure: (metric, reason) => tally.fail({ metric, code: 'DELETE_FAILED', reason }),
  });
  let isOrdered = true;
  const onDisorder = (previous: string, key: string) => {
    if (rules.force) return;
    isOrdered = false;
    const what = `${JSON.stringify(key)} came after ${JSON.stringify(previous)}`;
    tally.stop('DISORDER', `Purge stopped half way: a listing was not in ascending order: ${what}`);
  };
  const events = { onDisorder, ...(signal && { signal }) };
  const judged = pMapIterable(
    survey(store, options, events),
    async (surveyed) => {
      signal?.throwIfAborted();
      if (surveyed.kind === 'blind' || !surveyed.stored) return undefined;
      const { stored } = surveyed;
      const due = dueOf(stored, await presenceOf(surveyed, options.prefix), rules, now);
      return isDue(due) ? { surveyed, stored, due } : undefined;
    },
    { concurrency: 16, backpressure: 256 },
  );
  const tombstones: Surveyed[] = [];
  for await (const found of judged) {
    if (!found) continue;
    const { surveyed, stored, due } = found;
    const mayGo = options.mayPurge && options.wasGone(stored.metric) && isOrdered;
    const gone = due.passing.isDue && mayGo;
    if (gone) {
      tally.add('purged');
      options.report.log('info', `Purging all ${stored.backups.length} backups of ${stored.metric}`, 'metrics purged');
    }
    const removal = gone ? removalOf(stored) : partOf(surveyed.metric, due, tally, options);
    await remover.add(removal);
    if (due.passing.isNew && mayGo) tombstones.push(surveyed);
    if (tombstones.length >= 256) await bury(store, tally, tombstones.splice(0), options);
  }
  await remover.flush();
  await bury(store, tally, tombstones, options);
  tally.add('deleted', remover.deleted);
}

/** What goes of a metric that stays. */
function partOf(metric: string, due: Due, tally: Tally, options: PruneOptions): Removal {
  const retired = options.mayRetire ? due.retention.retired : [];
  const swept = options.mayPurge ? due.swept : [];
  tally.add('retired', retired.length);
  for (const { object } of retired) options.report.log('debug', `Retiring ${object.key}`);
  for (const object of swept)
    options.report.log('info', `Sweeping ${object.key}: it never became a backup`, 'objects swept');
  return {
    metric,
    sha1s: retired.flatMap((backup) => backup.sha1Object?.key ?? []),
    data: [...retired.map((backup) => backup.object), ...swept].map((object) => object.key),
    tombstones: due.passing.voided.map((tombstone) => tombstone.object.key),
  };
}

/** Writes a tombstone for each: later than the newest backup, whatever the clock says, or it would be void at once. */
async function bury(
  store: ObjectStore,
  tally: Tally,
  surveyed: readonly Surveyed[],
  options: PruneOptions,
): Promise<void> {
  const { report, signal } = options;
  const write = async ({ metric, path, stored }: Surveyed): Promise<void> => {
    const newest = stored?.backups.at(-1)?.time.getTime() ?? 0;
    const time = new Date(Math.max(options.now.getTime(), newest + 1000));
    try {
      const key = tombstoneKey(rootOf(options), path, formatTimestamp(time));
      await store.put(key, new Uint8Array(), { ...(signal && { signal }) });
      tally.add('tombstones');
      const span = options.rules.purge < 0 ? '' : ` for ${options.rules.purge} days`;
      report.log(
        'info',
        `${metric} is no longer in the local tree: its backups stay${span}`,
        'metrics no longer in the local tree',
      );
    } catch (error) {
      signal?.throwIfAborted();
      tally.fail({ metric, code: codeOf(error), reason: reasonOf(error) });
    }
  };
  await pMap(surveyed, write, { concurrency: 16, ...(signal && { signal }) });
}
