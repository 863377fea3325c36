import { resolve } from 'node:path';
import { pMapIterable } from 'p-map';
import { countForeign } from '../../bucket/foreign.ts';
import { claim } from '../../bucket/owner.ts';
import { VanishedGuard, type VanishedOptions } from '../../bucket/vanished.ts';
import { codeOf, reasonOf } from '../../common/errors.ts';
import type { PlaceOptions, PurgeRules, RunOptions, SelectOptions, TreeOptions } from '../../common/options.ts';
import { type Summary, Tally } from '../../common/summary.ts';
import { rulesOf } from '../../expiry/due.ts';
import type { ObjectStore } from '../../store/store.ts';
import { checkPrefix } from '../../tree/walk.ts';
import { checkApart } from '../shared/apart.ts';
import { type EarlySummaryOptions, withEarlySummary } from '../shared/early-summary.ts';
import { hintForBucket } from '../shared/nothing-hint.ts';
import { survey } from '../shared/survey.ts';
import { Judgement } from './judgement.ts';
import { Leftovers } from './leftovers.ts';

export interface PurgeOptions
  extends RunOptions,
    SelectOptions,
    PlaceOptions,
    TreeOptions,
    PurgeRules,
    Pick<VanishedOptions, 'bucketMemory'>,
    EarlySummaryOptions {
  /** Only say what would be done; the store is to be wrapped so that it writes nothing. @default false */
  readonly dryRun?: boolean;
}

/** Figures that the summary always has. */
const COUNTS = ['metrics', 'failed', 'tombstones', 'purged', 'deleted', 'shrunk', 'leftovers', 'foreignKeys'];

/**
 * Deletes the backups of metrics that have been missing from the local tree for long, and marks those that went missing
 * since. It is what ends a backup, without the backup; retention is left alone.
 *
 * @throws GuardError when the bucket is another machine's or tree's; StoreError; WhisperBackupError `TREE_MISSING`.
 */
export async function purge(store: ObjectStore, options: PurgeOptions): Promise<Summary> {
  const tally = new Tally(COUNTS);
  const about = { command: 'purge', store: store.name, dryRun: options.dryRun ?? false } as const;
  return withEarlySummary(tally, about, options, async () => {
    await purgeGone(store, options, tally);
    return tally.finish(about);
  });
}

async function purgeGone(store: ObjectStore, options: PurgeOptions, tally: Tally): Promise<void> {
  const { report, signal, dryRun = false } = options;
  const rules = rulesOf(options, false);
  const clock = options.now ?? (() => new Date());
  const now = clock();
  const leftovers = new Leftovers();
  const judgement = new Judgement(tally, { ...options, rules, now, clock, dryRun });
  await checkPrefix(options.prefix);
  await checkApart(store, options.prefix);
  await store.open({ create: false, ...(signal && { signal }) });
  const vanished = new VanishedGuard(store, options);
  await vanished.load();
  const { onUnmarked } = vanished;
  await claim(store, { ...options, prefix: resolve(options.prefix), adopt: rules.adopt, onUnmarked, now });
  tally.begin();

  const events = {
    onLocal: () => judgement.guards.local(),
    onTemporary: (path: string) => leftovers.found(path),
    onForeign: (key: string) => countForeign(tally, key),
    ...(options.onOwn && { onOwn: options.onOwn }),
    onDisorder: (previous: string, key: string) => judgement.guards.disorder(previous, key),
    ...(signal && { signal }),
  };
  const judged = pMapIterable(
    survey(store, options, events),
    async (item) => {
      signal?.throwIfAborted();
      if (item.kind === 'blind')
        tally.fail({ metric: item.file, code: codeOf(item.error), reason: reasonOf(item.error) });
      else if (item.stored) {
        tally.add('metrics');
        await judgement.judge(item, item.stored);
      }
    },
    { concurrency: 16, backpressure: 256 },
  );
  for await (const _ of judged) {
    const done = tally.get('metrics');
    report.progress({ phase: 'Comparing', done, found: done, complete: false, failed: tally.get('failed'), bytes: 0 });
  }
  if (tally.get('metrics') === 0) {
    const glob = JSON.stringify(options.metrics ?? '*');
    const hint = await hintForBucket(store, options);
    tally.stop('NOTHING_MATCHED', `Nothing to purge: ${store.name} holds no metric that matches ${glob}${hint}`);
  }
  await judgement.carryOut(store);
  await leftovers.sweep(store, tally, { ...options, dryRun });
}
