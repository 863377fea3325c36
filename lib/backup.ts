import { pMapIterable } from 'p-map';
import { claim } from './bucket/owner.ts';
import { PartitionRecorder } from './bucket/partitions.ts';
import { createCompressor } from './compress/engine.ts';
import { codeOf, InvalidOptionError, reasonOf, WhisperBackupError } from './errors.ts';
import { Judgement } from './expiry/judgement.ts';
import { rulesOf } from './expiry/rules.ts';
import type {
  FormatOptions,
  LoadOptions,
  PlaceOptions,
  PurgeRules,
  RunOptions,
  SelectOptions,
  TreeOptions,
} from './options.ts';
import { StatCache, type StatCacheOptions } from './statcache/cache.ts';
import type { CacheEntry } from './statcache/entry.ts';
import type { ObjectStore } from './store/store.ts';
import type { StoredFile } from './storefile.ts';
import { type Summary, Tally } from './summary.ts';
import { type Surveyed, survey } from './survey.ts';
import { type BlindSpot, checkPrefix } from './tree/walk.ts';
import { Uploads } from './uploads.ts';
import { compressorOptions } from './workers/snapshot.ts';

export interface BackupOptions
  extends RunOptions,
    SelectOptions,
    PlaceOptions,
    TreeOptions,
    LoadOptions,
    PurgeRules,
    FormatOptions {
  /** Back up files that are not whole Whisper data, too. @default false */
  readonly includeDamaged?: boolean;
  /** Where to remember what files look like, so that one that has not changed need not be opened. @default nowhere */
  readonly statCache?: StatCacheOptions;
  /** Only say what would be done; the store is to be wrapped so that it writes nothing. @default false */
  readonly dryRun?: boolean;
}

/** Figures that the summary always has. */
const COUNTS = ['metrics', 'stored', 'unchanged', 'skipped', 'failed', 'bytesRead', 'bytesStored'];
const PURGE_COUNTS = ['retired', 'tombstones', 'purged', 'deleted', 'shrunk', 'foreignKeys'];

/** How many finished metrics may wait for one that is slow, e.g. for a lock. */
const BACKPRESSURE = 1024;

/** One step of the survey, and what is remembered of its file. */
interface Found {
  readonly item: Surveyed | BlindSpot;
  readonly cached?: CacheEntry;
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
 * @throws GuardError when the bucket is another machine's; StoreError when it cannot be used at all; WhisperBackupError
 *   `TREE_MISSING`, `NO_LOCKS`; the signal's reason. What befalls single metrics is in the summary.
 */
export async function backup(store: ObjectStore, options: BackupOptions): Promise<Summary> {
  const { report, signal, dryRun = false, layout = 'native' } = options;
  const rules = rulesOf(options, true);
  const now = options.now ?? (() => new Date());
  const tally = new Tally([...COUNTS, ...PURGE_COUNTS]);
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
  createCompressor(compressorOptions(format));

  await checkPrefix(options.prefix);
  await store.open({ create: true, ...(signal && { signal }) });
  await claim(store, { ...options, adopt: rules.adopt, now: now() });

  const cache = await StatCache.open(options.statCache, {
    prefix: options.prefix,
    isPartial: (options.metrics ?? '*') !== '*' || (options.exclude ?? []).length > 0,
    dryRun,
    report,
  });
  const uploads = new Uploads(store, {
    ...options,
    layout,
    format,
    includeDamaged: options.includeDamaged ?? false,
  });

  // Where the file system has no locks every file would fail alike: stop, and say so once.
  let noLocks: WhisperBackupError | undefined;
  const progress = { phase: 'Backing up', done: 0, found: 0, complete: false };
  const partitions = new PartitionRecorder();
  const events = {
    stat: true,
    partitions,
    onLocal: () => judgement.guards.local(),
    onForeign: () => tally.add('foreignKeys'),
    onDisorder: (previous: string, key: string) => judgement.guards.disorder(previous, key),
    ...(signal && { signal }),
  };
  async function* untilStopped(): AsyncGenerator<Found> {
    for await (const item of survey(store, options, events)) {
      if (signal?.aborted || noLocks) return;
      const local = item.kind === 'metric' ? item.local : undefined;
      if (local) progress.found++;
      const cached = local && (await cache.find(local));
      yield { item, ...(cached && { cached }) };
    }
    progress.complete = true;
  }

  try {
    const visits = pMapIterable(untilStopped(), visit, {
      concurrency: uploads.concurrency,
      backpressure: BACKPRESSURE,
    });
    for await (const visited of visits) {
      if (!visited) continue;
      await cache.remember(visited.order, visited.entry);
      progress.done++;
      report.progress({ ...progress, failed: tally.get('failed'), bytes: tally.get('bytesStored') });
    }
    signal?.throwIfAborted();
    if (noLocks) throw noLocks;
    await cache.keep();
  } finally {
    await uploads.close();
    await cache.close();
  }

  await store.flush({ ...(signal && { signal }) });
  // It only makes the next listing faster.
  await partitions.save(store, options, { ...(signal && { signal }) }).catch((error) => {
    report.log('warn', `Cannot note where to cut the listing: ${reasonOf(error)}`);
  });
  if (tally.get('metrics') === 0) tally.stop('NOTHING_MATCHED', nothingMatched(options));
  await judgement.carryOut(store);
  return tally.finish({ command: 'backup', store: store.name, dryRun });

  /** @returns what is to be remembered of a local file. */
  async function visit({ item, cached }: Found): Promise<Visited | undefined> {
    if (item.kind === 'blind') {
      tally.fail({ metric: item.file, code: codeOf(item.error), reason: reasonOf(item.error) });
      return undefined;
    }
    const { local, stored } = item;
    const result = local && (await uploads.storeFile(local, stored, cached));
    if (result && !signal?.aborted) count(item.metric, result);
    const added = result?.outcome === 'stored' ? [result.backup] : [];
    if (stored) await judgement.judge(item, { ...stored, backups: [...stored.backups, ...added] });
    if (!local) return undefined;
    const entry =
      result && 'stat' in result && result.stat ? { order: local.order, ...result.stat, sha1: result.sha1 } : undefined;
    return { order: local.order, entry };
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
    report.log('debug', `${dryRun ? 'Would store' : 'Stored'} ${result.backup.object.key}`);
  }
}

function nothingMatched(options: BackupOptions): string {
  return `Nothing to back up: no Whisper file below ${options.prefix} matches ${JSON.stringify(options.metrics ?? '*')}`;
}
