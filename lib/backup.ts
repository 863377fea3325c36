import { pMapIterable } from 'p-map';
import { rootOf } from './bucket/layout.ts';
import { claim } from './bucket/owner.ts';
import { ByteBudget } from './bytebudget.ts';
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
import type { ObjectStore } from './store/store.ts';
import { type StoreFileContext, storeFile } from './storefile.ts';
import { type Summary, Tally } from './summary.ts';
import { type Surveyed, survey } from './survey.ts';
import { type BlindSpot, checkPrefix } from './tree/walk.ts';
import { WorkerPool } from './workers/pool.ts';
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
  /** Only say what would be done; the store is to be wrapped so that it writes nothing. @default false */
  readonly dryRun?: boolean;
}

/** Figures that the summary always has. */
const COUNTS = ['metrics', 'stored', 'unchanged', 'skipped', 'failed', 'bytesRead', 'bytesStored'];
const PURGE_COUNTS = ['retired', 'tombstones', 'purged', 'deleted', 'shrunk', 'foreignKeys'];

/** Uploads wait for the network, workers for the processor: more are under way than there are threads. */
const IN_FLIGHT_PER_PROCESS = 4;

/** How many finished metrics may wait for one that is slow, e.g. for a lock. */
const BACKPRESSURE = 1024;

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
  const { report, signal, dryRun = false, processes = 4, bytesInFlight = 2 ** 28, layout = 'native' } = options;
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

  const pool = new WorkerPool({ threads: processes, ...(signal && { signal }) });
  const context: StoreFileContext = {
    store,
    pool,
    layout,
    root: rootOf(options),
    task: {
      flock: options.flock ?? true,
      fileLockTimeout: options.fileLockTimeout ?? 10,
      includeDamaged: options.includeDamaged ?? false,
      format,
    },
    budget: new ByteBudget(bytesInFlight),
    now,
    ...(signal && { signal }),
  };

  // Where the file system has no locks every file would fail alike: stop, and say so once.
  let noLocks: WhisperBackupError | undefined;
  const progress = { phase: 'Backing up', done: 0, found: 0, complete: false };
  const events = {
    onLocal: () => judgement.guards.local(),
    onForeign: () => tally.add('foreignKeys'),
    onDisorder: (previous: string, key: string) => judgement.guards.disorder(previous, key),
    ...(signal && { signal }),
  };
  async function* untilStopped(): AsyncGenerator<Surveyed | BlindSpot> {
    for await (const item of survey(store, options, events)) {
      if (signal?.aborted || noLocks) return;
      if (item.kind === 'metric' && item.local) progress.found++;
      yield item;
    }
    progress.complete = true;
  }

  try {
    const visits = pMapIterable(untilStopped(), (item) => visit(item), {
      concurrency: processes * IN_FLIGHT_PER_PROCESS,
      backpressure: BACKPRESSURE,
    });
    for await (const finished of visits) {
      progress.done += finished;
      report.progress({ ...progress, failed: tally.get('failed'), bytes: tally.get('bytesStored') });
    }
  } finally {
    await pool.close();
  }
  signal?.throwIfAborted();
  if (noLocks) throw noLocks;

  await store.flush({ ...(signal && { signal }) });
  if (tally.get('metrics') === 0) tally.stop('NOTHING_MATCHED', nothingMatched(options));
  await judgement.carryOut(store);
  return tally.finish({ command: 'backup', store: store.name, dryRun });

  async function visit(item: Surveyed | BlindSpot): Promise<0 | 1> {
    if (item.kind === 'blind') {
      tally.fail({ metric: item.file, code: codeOf(item.error), reason: reasonOf(item.error) });
      return 0;
    }
    const added = item.local ? await visitLocal(item, item.local) : undefined;
    const stored = item.stored;
    if (stored) await judgement.judge(item, added ? { ...stored, backups: [...stored.backups, added] } : stored);
    return item.local ? 1 : 0;
  }

  async function visitLocal({ metric, stored }: Surveyed, local: NonNullable<Surveyed['local']>) {
    tally.add('metrics');
    try {
      const result = await storeFile(local, stored, context);
      if (result.outcome === 'skipped') tally.skip({ metric, code: result.code, reason: result.reason });
      if (result.outcome === 'failed') {
        tally.fail({ metric, code: result.code, reason: result.reason });
        if (result.code === 'NO_LOCKS') noLocks ??= new WhisperBackupError(result.code, result.reason);
      }
      if (result.outcome === 'unchanged' || result.outcome === 'stored') {
        tally.add(result.outcome);
        tally.add('bytesRead', result.bytes);
      }
      if (result.outcome !== 'stored') return undefined;
      tally.add('bytesStored', result.backup.object.size);
      report.log('debug', `${dryRun ? 'Would store' : 'Stored'} ${result.backup.object.key}`);
      return result.backup;
    } catch (error) {
      if (!signal?.aborted) tally.fail({ metric, code: codeOf(error), reason: reasonOf(error) });
      return undefined;
    }
  }
}

function nothingMatched(options: BackupOptions): string {
  return `Nothing to back up: no Whisper file below ${options.prefix} matches ${JSON.stringify(options.metrics ?? '*')}`;
}
