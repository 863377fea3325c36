import { resolve } from 'node:path';
import { pMapIterable } from 'p-map';
import { countForeign } from '../../bucket/foreign.ts';
import type { Layout } from '../../bucket/layout.ts';
import { claim } from '../../bucket/owner.ts';
import { PartitionRecorder } from '../../bucket/partitions.ts';
import { VanishedGuard, type VanishedOptions } from '../../bucket/vanished.ts';
import { codeOf, InvalidOptionError, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import type { PlaceOptions, PurgeRules, RunOptions, SelectOptions, TreeOptions } from '../../common/options.ts';
import { batched } from '../../common/pages.ts';
import { type Summary, Tally } from '../../common/summary.ts';
import { UnderWay } from '../../common/under-way.ts';
import { createCompressor } from '../../compress/engine.ts';
import { compressorOptions, type FormatOptions } from '../../compress/format.ts';
import { rulesOf } from '../../expiry/due.ts';
import type { CacheEntry } from '../../statcache/entry.ts';
import { StatCache, type StatCacheOptions } from '../../statcache/stat-cache.ts';
import type { ObjectStore } from '../../store/store.ts';
import { type BlindSpot, checkPrefix } from '../../tree/walk.ts';
import { countRemark } from '../../whisper/remark.ts';
import type { LoadOptions } from '../../workers/pool.ts';
import type { StoredFile } from '../../workers/tasks/store-file.ts';
import { Judgement } from '../purge/judgement.ts';
import { Leftovers } from '../purge/leftovers.ts';
import { checkApart } from '../shared/apart.ts';
import { type EarlySummaryOptions, withEarlySummary } from '../shared/early-summary.ts';
import { hintForTree } from '../shared/nothing-hint.ts';
import { type Surveyed, surveyPages } from '../shared/survey.ts';
import { type LocalAndStored, Uploads } from './uploads.ts';

export interface BackupOptions
  extends RunOptions,
    SelectOptions,
    PlaceOptions,
    TreeOptions,
    LoadOptions,
    PurgeRules,
    FormatOptions,
    VanishedOptions,
    EarlySummaryOptions {
  /** @default 'native' */
  readonly layout?: Layout;
  /** Back up damaged files, too. @default false */
  readonly includeDamaged?: boolean;
  /** Where to remember what files look like, so that one that has not changed need not be opened. @default nowhere */
  readonly statCache?: StatCacheOptions;
  /** Only say what would be done; the store is to be wrapped so that it writes nothing. @default false */
  readonly dryRun?: boolean;
}

/** Figures that the summary always has. */
const COUNTS = ['metrics', 'stored', 'unchanged', 'skipped', 'failed', 'bytesRead', 'bytesStored'];
const PURGE_COUNTS = ['retired', 'tombstones', 'purged', 'deleted', 'shrunk', 'leftovers', 'foreignKeys'];

/** How much a thread is given at once: a few large files, or small ones by the dozen. */
const BATCH = { items: 128, weight: 2 ** 22 };

/** What any file that is read weighs at least: so many small ones make a batch. */
const LEAST_WEIGHT = 2 ** 17;

/** How many finished batches may wait for one that is slow, e.g. for a lock. */
const WAITING = 8;

/** One step of the survey. */
interface Found {
  readonly item: Surveyed | BlindSpot;
  /** What is remembered of its file, when that says that its newest backup is the same. */
  readonly same?: CacheEntry;
}

interface Visited {
  readonly order: string;
  readonly entry: CacheEntry | undefined;
}

/**
 * Backs up every file of the tree that differs from its newest backup; then applies retention and purge.
 *
 * Two ordered sequences, the tree and the listing, are merged, so memory does not grow with either. Nothing is deleted
 * before both were compared to the end, and everything stored is safe.
 *
 * @throws GuardError when the bucket is another machine's or tree's, or has vanished; StoreError when it cannot be used at all; WhisperBackupError
 *   `TREE_MISSING`, `NO_LOCKS`; the signal's reason. What befalls single metrics is in the summary.
 */
export async function backup(store: ObjectStore, options: BackupOptions): Promise<Summary> {
  const tally = new Tally([...COUNTS, ...PURGE_COUNTS]);
  const about = { command: 'backup', store: store.name, dryRun: options.dryRun ?? false } as const;
  return withEarlySummary(tally, about, options, async () => {
    await backUp(store, options, tally);
    return tally.finish(about);
  });
}

async function backUp(store: ObjectStore, options: BackupOptions, tally: Tally): Promise<void> {
  const { report, signal, dryRun = false, layout = 'native', bytesInFlight = 2 ** 28 } = options;
  const rules = rulesOf(options, true);
  const now = options.now ?? (() => new Date());
  const leftovers = new Leftovers();
  const judgement = new Judgement(tally, { ...options, rules, now: now(), clock: now, dryRun });
  if (layout === 'python' && options.algorithm === 'zst')
    throw new InvalidOptionError(
      "Cannot back up: the Python tool reads no 'zst': use --algorithm gz with --layout python",
    );
  const format = {
    algorithm: options.algorithm ?? 'gz',
    ...(options.gzipEngine !== undefined && { gzipEngine: options.gzipEngine }),
    ...(options.gzipLevel !== undefined && { gzipLevel: options.gzipLevel }),
  };
  // An engine that is not there is one error now, not one for every file.
  await createCompressor(compressorOptions(format));

  await checkPrefix(options.prefix);
  await checkApart(store, options.prefix);
  const uploads = new Uploads(store, {
    ...options,
    layout,
    format,
    includeDamaged: options.includeDamaged ?? false,
  });
  if (!(await StatCache.isThere(options.statCache))) uploads.start();
  const cache = await StatCache.open(options.statCache, {
    prefix: options.prefix,
    isPartial: (options.metrics ?? '*') !== '*' || (options.exclude ?? []).length > 0,
    dryRun,
    report,
  });

  // Where the file system has no locks every file would fail alike: stop, and say so once.
  let noLocks: WhisperBackupError | undefined;
  const progress = { phase: 'Backing up', done: 0, found: 0, complete: false };
  const partitions = new PartitionRecorder();
  const underWay = new UnderWay();
  const events = {
    stat: true,
    partitions,
    onLocal: () => judgement.guards.local(),
    onTemporary: (path: string) => leftovers.found(path),
    onForeign: (key: string) => countForeign(tally, key),
    ...(options.onOwn && { onOwn: options.onOwn }),
    onDisorder: (previous: string, key: string) => judgement.guards.disorder(previous, key),
    ...(signal && { signal }),
  };
  async function* untilStopped(): AsyncGenerator<readonly Found[]> {
    for await (const items of surveyPages(store, options, events)) {
      const founds: Found[] = [];
      for (const item of items) {
        if (signal?.aborted || noLocks) return;
        const { local, stored } = item.kind === 'metric' ? item : {};
        if (local) progress.found++;
        const looked = local && cache.find(local);
        // Most are answered at once.
        const cached = looked instanceof Promise ? await looked : looked;
        const same = cached && uploads.isStored(cached.sha1, stored) ? cached : undefined;
        // Its thread can start while more are found.
        if (local && !same) uploads.start(1);
        founds.push({ item, ...(same && { same }) });
      }
      yield founds;
    }
    progress.complete = true;
  }

  try {
    const vanished = new VanishedGuard(store, options);
    await vanished.load();
    await store.open({ create: true, onMissing: vanished.onMissing, ...(signal && { signal }) });
    const prefix = resolve(options.prefix);
    const { onUnmarked } = vanished;
    await claim(store, { ...options, prefix, adopt: rules.adopt, complete: true, onUnmarked, now: now() });
    tally.begin();
    await vanished.remember(dryRun);
    const visits = pMapIterable(
      batched(untilStopped(), weightOf, { ...BATCH, weight: Math.min(BATCH.weight, bytesInFlight / 2) }),
      (founds) => underWay.track(visit(founds)),
      {
        concurrency: uploads.concurrency,
        backpressure: uploads.concurrency + WAITING,
      },
    );
    for await (const visited of visits) {
      for (const { order, entry } of visited) {
        const remembered = cache.remember(order, entry);
        // Mostly it is done at once.
        if (remembered) await remembered;
      }
      progress.done += visited.length;
      report.progress({ ...progress, failed: tally.get('failed'), bytes: tally.get('bytesStored') });
    }
    signal?.throwIfAborted();
    if (noLocks) throw noLocks;
    await cache.keep();
  } finally {
    await uploads.close();
    // What was under way counts, too.
    await underWay.settle();
    await cache.close();
  }

  await store.flush({ ...(signal && { signal }) });
  // It only makes the next listing faster.
  await partitions.save(store, options, { ...(signal && { signal }) }).catch((error) => {
    report.log('warn', `Cannot note where to cut the listing: ${reasonOf(error)}`);
  });
  if (tally.get('metrics') === 0) {
    tally.stop('NOTHING_MATCHED', nothingMatched(options) + (await hintForTree(options.prefix, options)));
  }
  await judgement.carryOut(store);
  await leftovers.sweep(store, tally, { ...options, dryRun });

  /** @returns what is to be remembered of local files. */
  async function visit(founds: readonly Found[]): Promise<readonly Visited[]> {
    const results = await resultsOf(founds);
    const visited: Visited[] = [];
    for (const [i, { item }] of founds.entries()) {
      if (item.kind === 'blind') {
        tally.fail({ metric: item.file, code: codeOf(item.error), reason: reasonOf(item.error) });
        continue;
      }
      const { local, stored } = item;
      const result = results[i];
      if (result && !signal?.aborted) count(item.metric, result);
      const added = result?.outcome === 'stored' ? [result.backup] : [];
      if (stored) await judgement.judge(item, { ...stored, backups: [...stored.backups, ...added] });
      if (local) visited.push({ order: local.order, entry: result && entryOf(local.order, result) });
    }
    return visited;
  }

  /** What became of each; undefined where there is no local file. */
  async function resultsOf(founds: readonly Found[]): Promise<readonly (StoredFile | undefined)[]> {
    const results = founds.map(({ same }) => same && sameAs(same));
    const files: LocalAndStored[] = [];
    const places: number[] = [];
    for (const [i, { item, same }] of founds.entries()) {
      if (same || item.kind === 'blind' || !item.local) continue;
      files.push({ local: item.local, stored: item.stored });
      places.push(i);
    }
    if (files.length === 0) return results;
    const stored = await uploads.storeFiles(files);
    for (const [i, result] of stored.entries()) results[places[i] ?? -1] = result;
    return results;
  }

  function count(metric: string, result: StoredFile): void {
    tally.add('metrics');
    if ('code' in result) {
      const { outcome, code, reason } = result;
      if (code === 'NO_LOCKS') noLocks ??= new WhisperBackupError(code, reason);
      if (outcome === 'skipped') tally.skip({ metric, code, reason });
      else tally.fail({ metric, code, reason });
      return;
    }
    tally.add(result.outcome);
    tally.add('bytesRead', result.bytes);
    if (result.outcome !== 'stored') return;
    tally.add('bytesStored', result.backup.object.size);
    if (result.remark) countRemark(metric, result.remark, tally);
    report.log('debug', `${dryRun ? 'Would store' : 'Stored'} ${result.backup.object.key}`);
  }
}

function weightOf({ item, same }: Found): number {
  if (same || item.kind === 'blind' || !item.local) return 0;
  return Math.max(LEAST_WEIGHT, item.local.stat?.size ?? 0);
}

function sameAs({ sha1, ...stat }: CacheEntry): StoredFile {
  return { outcome: 'unchanged', sha1, bytes: 0, stat };
}

function entryOf(order: string, result: StoredFile): CacheEntry | undefined {
  return 'stat' in result && result.stat ? { ...result.stat, order, sha1: result.sha1 } : undefined;
}

function nothingMatched(options: BackupOptions): string {
  const { prefix, metrics = '*', exclude = [] } = options;
  const but =
    exclude.length > 0 ? ` and is not excluded by ${exclude.map((glob) => JSON.stringify(glob)).join(', ')}` : '';
  return `Nothing to back up: no Whisper file below ${prefix} matches ${JSON.stringify(metrics)}${but}`;
}
