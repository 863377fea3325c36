import { VanishedGuard, type VanishedOptions } from '../../bucket/vanished.ts';
import type { PlaceOptions, PurgeRules, SelectOptions, TreeOptions } from '../../common/options.ts';
import { each } from '../../common/pages.ts';
import type { Summary } from '../../common/summary.ts';
import { rulesOf } from '../../expiry/due.ts';
import type { JudgedOptions } from '../../expiry/judged.ts';
import type { ObjectStore } from '../../store/store.ts';
import { checkPrefix } from '../../tree/presence.ts';
import { stopIfNothingMatched } from '../shared/nothing-hint.ts';
import { checkNoOverlap } from '../shared/overlap.ts';
import { type OperationOptions, Run } from '../shared/run.ts';
import { survey } from '../shared/survey.ts';
import { Visits } from '../shared/visits.ts';
import { Expiry } from './expiry.ts';

export interface PurgeOptions
  extends OperationOptions,
    SelectOptions,
    PlaceOptions,
    TreeOptions,
    PurgeRules,
    JudgedOptions,
    Pick<VanishedOptions, 'bucketMemory'> {}

/**
 * Deletes the backups of metrics that have been missing from the local tree for `purge` days, and writes a tombstone
 * for each metric that is newly missing. A backup does the same at its end, together with retention.
 *
 * @throws GuardError if the bucket belongs to another machine or tree.
 * @throws StoreError if the bucket cannot be used.
 * @throws WhisperBackupError `TREE_MISSING`, `NO_LOCKS`
 */
export async function purge(store: ObjectStore, given: PurgeOptions): Promise<Summary> {
  const run = new Run('purge', store, given);
  const { options } = run;
  const { prefix, signal } = options;
  return run.summarize(async () => {
    const expiry = new Expiry(run, rulesOf(options, false, run.began));
    await checkPrefix(prefix);
    await checkNoOverlap(store, prefix);
    await store.open({ create: false, signal });
    const vanished = new VanishedGuard(store, options);
    await vanished.load();
    await expiry.claim(vanished, false);

    const visits = new Visits(run, { phase: 'Comparing', concurrency: 16, maxWaiting: 240 });
    const items = each(survey(store, options, expiry.events), signal);
    const found = visits.untilStopped(items, (item) => ('stored' in item ? 1 : 0));
    const visited = visits.each(found, async (item) => {
      if (item.kind === 'blind') run.failBlind(item);
      if (item.kind === 'blind' || !item.stored) return 0;
      run.add('metrics');
      await expiry.evaluate(item, item.stored);
      return 1;
    });
    for await (const metrics of visited) visits.advance(metrics);
    run.throwIfStopped();

    await stopIfNothingMatched(run, 'purge', 'metric');
    await expiry.finish();
  });
}
