import { VanishedGuard, type VanishedOptions } from '../../bucket/vanished.ts';
import type { PlaceOptions, PurgeRules, SelectOptions, TreeOptions } from '../../common/options.ts';
import type { Summary } from '../../common/summary.ts';
import { rulesOf } from '../../expiry/due.ts';
import type { ObjectStore } from '../../store/store.ts';
import { checkPrefix } from '../../tree/walk.ts';
import { checkApart } from '../shared/apart.ts';
import { stopForNothing } from '../shared/nothing-hint.ts';
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
    Pick<VanishedOptions, 'bucketMemory'> {}

/**
 * Deletes the backups of metrics that have been missing from the local tree for long, and marks those that went missing
 * since. It is what ends a backup, without the backup; retention is left alone.
 *
 * @throws GuardError when the bucket is another machine's or tree's; StoreError; WhisperBackupError `TREE_MISSING`.
 */
export async function purge(store: ObjectStore, given: PurgeOptions): Promise<Summary> {
  const run = new Run('purge', store, given);
  const { options } = run;
  return run.summarize(async () => {
    const expiry = new Expiry(run, rulesOf(options, false));
    await checkPrefix(options.prefix);
    await checkApart(store, options.prefix);
    await store.open({ create: false, signal: options.signal });
    const vanished = new VanishedGuard(store, options);
    await vanished.load();
    await expiry.claim(vanished, false);

    const visits = new Visits(run, { phase: 'Comparing', atOnce: 16, waiting: 240 });
    const found = visits.untilStopped(survey(store, options, expiry.events), (item) => ('stored' in item ? 1 : 0));
    const judged = visits.each(found, async (item) => {
      if (item.kind === 'blind') run.failBlind(item);
      if (item.kind === 'blind' || !item.stored) return 0;
      run.add('metrics');
      await expiry.judge(item, item.stored);
      return 1;
    });
    for await (const metrics of judged) visits.advance(metrics);
    run.throwIfStopped();

    await stopForNothing(run, 'purge', 'metric');
    await expiry.carryOut();
  });
}
