import type { Layout } from '../../bucket/layout.ts';
import { PartitionRecorder } from '../../bucket/partitions.ts';
import { VanishedGuard, type VanishedOptions } from '../../bucket/vanished.ts';
import type { WithDefaults } from '../../common/defaults.ts';
import { InvalidOptionError, reasonOf } from '../../common/errors.ts';
import type { PlaceOptions, PurgeRules, SelectOptions, TreeOptions } from '../../common/options.ts';
import { batched } from '../../common/pages.ts';
import type { Summary } from '../../common/summary.ts';
import { createCompressor } from '../../compress/engine.ts';
import { compressorOptions, type FormatOptions } from '../../compress/format.ts';
import { rulesOf } from '../../expiry/due.ts';
import type { JudgedOptions } from '../../expiry/judged.ts';
import { statCacheFormat } from '../../statcache/entry.ts';
import { StatCache, type StatCacheOptions } from '../../statcache/stat-cache.ts';
import type { ObjectStore } from '../../store/store.ts';
import { checkPrefix } from '../../tree/presence.ts';
import type { LoadOptions } from '../../workers/pool.ts';
import { Expiry } from '../purge/expiry.ts';
import { hintForTree, selectionText } from '../shared/nothing-hint.ts';
import { checkNoOverlap } from '../shared/overlap.ts';
import { type OperationOptions, Run } from '../shared/run.ts';
import { survey } from '../shared/survey.ts';
import { Visits } from '../shared/visits.ts';
import { FileVisitor, weightOf } from './file-visitor.ts';
import { NameCheck } from './name-check.ts';
import { type UploadOptions, Uploads } from './uploads.ts';

export interface BackupOptions
  extends OperationOptions,
    SelectOptions,
    PlaceOptions,
    TreeOptions,
    LoadOptions,
    PurgeRules,
    JudgedOptions,
    FormatOptions,
    VanishedOptions {
  /** @default 'native' */
  readonly layout?: Layout;
  /** Also back up damaged files. @default false */
  readonly includeDamaged?: boolean;
  /** The cache that makes opening unchanged files unnecessary. @default none */
  readonly statCache?: StatCacheOptions;
}

/** A thread gets a few large files or dozens of small ones at once. */
const BATCH = { items: 128, weight: 2 ** 22 };

/**
 * Backs up every file of the tree that differs from its newest backup, then applies retention and purge.
 *
 * Merges two ordered sequences, the tree and the listing, so memory does not grow with either. Deletes nothing before
 * both were compared completely and everything stored is durable. Errors of single metrics are in the summary.
 *
 * @throws GuardError if the bucket belongs to another machine or tree, or has vanished.
 * @throws StoreError if the bucket cannot be used.
 * @throws WhisperBackupError `TREE_MISSING`, `NO_LOCKS`
 */
export async function backup(store: ObjectStore, given: BackupOptions): Promise<Summary> {
  const run = new Run('backup', store, given);
  const { options } = run;
  const { bytesInFlight, exclude, metrics, prefix, report, signal, statCache } = options;
  return run.summarize(async () => {
    const expiry = new Expiry(run, rulesOf(options, true, run.began));
    const format = await checkFormat(options);
    await checkPrefix(prefix);
    await checkNoOverlap(store, prefix);
    const uploads = new Uploads(store, { ...options, format });
    if (!(await StatCache.isThere(statCache))) uploads.start();
    const isPartial = metrics !== '*' || exclude.length > 0;
    const cache = await StatCache.open(statCache, { ...options, format: statCacheFormat(prefix), isPartial });
    const partitions = new PartitionRecorder();
    const names = new NameCheck(run, metrics === '*');
    try {
      await openBucket(run, expiry);
      const visitor = new FileVisitor(run, uploads, cache, expiry, names);
      const visits = new Visits(run, { phase: 'Backing up', bytes: 'bytesStored', concurrency: uploads.concurrency });
      const { onForeign, ...events } = expiry.events;
      const onForeignKey = (key: string) => {
        onForeign?.(key);
        names.foreign(key);
      };
      const pages = survey(store, options, { ...events, onForeign: onForeignKey, stat: true, partitions });
      const found = visits.untilStopped(visitor.lookUp(pages), (page) => page.filter(({ local }) => local).length);
      const limits = { ...BATCH, weight: Math.min(BATCH.weight, bytesInFlight / 2) };
      const batches = batched(found, weightOf, limits);
      for await (const visited of visits.each(batches, (batch) => visitor.visit(batch))) {
        for (const { order, entry } of visited) await cache.remember(order, entry);
        visits.advance(visited.length);
      }
      const again = batched(visitor.again(), weightOf, limits);
      for await (const _ of visits.each(again, (batch) => visitor.visit(batch))) visits.advance(0);
      run.throwIfStopped();
      await cache.keep();
    } finally {
      await uploads.close();
      await cache.close();
    }
    await store.flush({ signal });
    // The cuts only make the next listing faster.
    await partitions.save(store, options, { signal }).catch((error) => {
      report.log(
        'warn',
        `Cannot store the partitions of the bucket: ${reasonOf(error)}. The next listing takes longer.`,
      );
    });
    if (run.get('metrics') === 0)
      run.stop(
        'NOTHING_MATCHED',
        `Nothing to back up: ${prefix} has no Whisper file${selectionText(options)}${await hintForTree(prefix, options)}`,
      );
    if (!(await names.finish())) await expiry.finish();
  });
}

/** Opens or creates the bucket. @throws GuardError if it has vanished, or belongs to another machine or tree. */
async function openBucket({ store, options }: Run<BackupOptions>, expiry: Expiry): Promise<void> {
  const vanished = new VanishedGuard(store, options);
  await vanished.load();
  await store.open({ create: true, onMissing: vanished.onMissing, signal: options.signal });
  await expiry.claim(vanished, true);
  await vanished.remember(options.dryRun);
}

/**
 * Fails fast if this host cannot write the format.
 *
 * @throws InvalidOptionError
 * @throws CompressionError `ENGINE_UNAVAILABLE`
 */
async function checkFormat(options: WithDefaults<BackupOptions>): Promise<UploadOptions['format']> {
  const { algorithm, layout } = options;
  if (layout === 'python' && algorithm === 'zst')
    throw new InvalidOptionError(
      "Cannot back up: the Python tool cannot read 'zst': use --algorithm gz with --layout python",
    );
  const format = compressorOptions(options);
  await createCompressor(format);
  return format;
}
