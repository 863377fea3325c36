import { resolve } from 'node:path';
import { pMapIterable } from 'p-map';
import { catalog } from '../../bucket/catalog.ts';
import { countForeign } from '../../bucket/foreign.ts';
import { rootOf } from '../../bucket/layout.ts';
import type { Backup, StoredMetric } from '../../bucket/metric.ts';
import { claim } from '../../bucket/owner.ts';
import { ByteBudget } from '../../common/byte-budget.ts';
import { codeOf, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { selector } from '../../common/glob.ts';
import type { Machine, PlaceOptions, RunOptions, SelectOptions, TreeOptions } from '../../common/options.ts';
import { type Summary, Tally } from '../../common/summary.ts';
import { UnderWay } from '../../common/under-way.ts';
import type { FormatOptions } from '../../compress/format.ts';
import type { ObjectStore } from '../../store/store.ts';
import { type BlindSpot, checkPrefix } from '../../tree/walk.ts';
import { countRemark, type Remark } from '../../whisper/remark.ts';
import { type LoadOptions, tasksAtOnce, WorkerPool } from '../../workers/pool.ts';
import { checkApart } from '../shared/apart.ts';
import { type EarlySummaryOptions, withEarlySummary } from '../shared/early-summary.ts';
import { hintForBucket } from '../shared/nothing-hint.ts';
import { isInPart, type Part } from '../shared/part.ts';
import { type Surveyed, survey } from '../shared/survey.ts';
import { compareFile, countComparison } from './comparison.ts';
import type { Flaw } from './flaw.ts';
import { type MovedAside, moveAside } from './quarantine.ts';
import { otherEngine, type Reading, readBackup } from './reading.ts';
import { verdictOn } from './verdict.ts';

export interface VerifyOptions
  extends RunOptions,
    SelectOptions,
    PlaceOptions,
    LoadOptions,
    EarlySummaryOptions,
    Pick<FormatOptions, 'gzipEngine'> {
  /** Only backups at this time or later. */
  readonly since?: Date;
  /** Only backups strictly before this time. */
  readonly date?: Date;
  /** Fetch and check the content, of all metrics or of a part of them. @default false */
  readonly readData?: boolean | Part;
  /** Accept backups of files that were damaged when they were backed up. @default false */
  readonly includeDamaged?: boolean;
  /** Compare the newest backups with this tree. */
  readonly compare?: TreeOptions;
  /** Move damaged backups aside. A dry run is to be given a store that writes nothing. */
  readonly repair?: { readonly machine: Machine; readonly adopt?: boolean };
  /** Only say what would be moved. @default false */
  readonly dryRun?: boolean;
}

/** Figures that the summary always has. */
const COUNTS = [
  'metrics',
  'backups',
  'read',
  'bytesFetched',
  'damaged',
  'unfinished',
  'skipped',
  'failed',
  'foreignKeys',
];
const COMPARED = ['same', 'changed', 'gone', 'neverStored', 'unknown'];

/**
 * Checks that the backups of a bucket are whole: by the listing, by reading them, and against the local tree. It changes
 * nothing, unless it is to repair. Neither the tree nor the listing is held.
 *
 * `counts.damaged` says what no restore can use; what could not be looked at is `counts.failed`.
 *
 * @throws StoreError when the bucket cannot be used at all; GuardError `FOREIGN_BUCKET` when it is to be repaired and is
 *   another machine's; WhisperBackupError `TREE_MISSING`, `NO_LOCKS`; the signal's reason.
 */
export async function verify(store: ObjectStore, options: VerifyOptions): Promise<Summary> {
  const { compare, repair } = options;
  const tally = new Tally([...COUNTS, ...(compare ? COMPARED : []), ...(repair ? ['moved', 'removed'] : [])]);
  const about = { command: 'verify', store: store.name, dryRun: options.dryRun ?? false } as const;
  return withEarlySummary(tally, about, options, async () => {
    await verifyAll(store, options, tally);
    return tally.finish(about);
  });
}

async function verifyAll(store: ObjectStore, options: VerifyOptions, tally: Tally): Promise<void> {
  const { report, signal, compare, repair, readData = false, includeDamaged = false, dryRun = false } = options;
  const { processes = 4, bytesInFlight = 2 ** 28 } = options;
  const now = (options.now ?? (() => new Date()))();
  const root = rootOf(options);
  const signalled = { ...(signal && { signal }) };
  if (compare) await checkPrefix(compare.prefix);
  if (compare && repair) await checkApart(store, compare.prefix);
  await store.open({ create: false, ...signalled });
  if (repair) {
    const prefix = compare && { prefix: resolve(compare.prefix) };
    // A mark in an empty mount point would hide from the next backup that its bucket has vanished.
    await claim(store, { ...options, ...repair, ...prefix, adopt: repair.adopt ?? false, mark: false, now });
  }
  tally.begin();

  const bodies = new ByteBudget(bytesInFlight);
  const budget = new ByteBudget(bytesInFlight);
  let threads: WorkerPool | undefined;
  // Threads take long to start, and the listing alone needs none.
  const pool = () => {
    threads ??= new WorkerPool({
      threads: processes,
      onWarning: (warning) => options.report.log('warn', warning),
      ...signalled,
    });
    return threads;
  };
  const onFetched = (bytes: number) => tally.add('bytesFetched', bytes);
  const reading = { store, pool, bodies, budget, includeDamaged, onFetched, ...signalled };
  const judging = {
    store,
    place: options,
    now,
    isOfTime: ({ time }: { readonly time: Date }) =>
      (!options.since || time >= options.since) && (!options.date || time < options.date),
    ...signalled,
  };
  const progress = { phase: 'Verifying', done: 0, found: 0, complete: false };
  const underWay = new UnderWay();
  let isOrdered = true;
  // Where the file system has no locks every file would fail alike: stop, and say so once.
  let noLocks: WhisperBackupError | undefined;
  const events = {
    onForeign: (key: string) => {
      if (!countForeign(tally, key) && isMisnamed(key.slice(root.length)))
        tally.note({ metric: key, code: 'MISNAMED', reason: 'its name is not one of ours: no command looks at it' });
    },
    onDisorder: (previous: string, key: string) => {
      isOrdered = false;
      const what = `${JSON.stringify(key)} came after ${JSON.stringify(previous)}`;
      tally.stop('DISORDER', `Cannot verify all of ${store.name}: a listing was not in ascending order: ${what}`);
    },
    ...signalled,
  };
  async function* found(): AsyncGenerator<Surveyed | BlindSpot> {
    for await (const item of compare ? survey(store, { ...options, ...compare }, events) : storedOnly()) {
      if (signal?.aborted || noLocks) return;
      progress.found++;
      yield item;
    }
    progress.complete = true;
  }
  async function* storedOnly(): AsyncGenerator<Surveyed> {
    const isSelected = selector(options);
    for await (const stored of catalog(store, options, events)) {
      const { metric, path } = stored;
      if (isSelected(metric)) yield { kind: 'metric', metric, path, stored, hidden: false };
    }
  }
  try {
    const visits = pMapIterable(found(), (item) => underWay.track(visit(item)), {
      concurrency: 2 * tasksAtOnce(processes),
      backpressure: 1024,
    });
    for await (const _ of visits) {
      progress.done++;
      const failed = tally.get('failed') + tally.get('damaged');
      report.progress({ ...progress, failed, bytes: tally.get('bytesFetched') });
    }
  } finally {
    // What was under way counts, too.
    await underWay.settle();
    await threads?.close();
  }
  signal?.throwIfAborted();
  if (noLocks) throw noLocks;
  if (tally.get('metrics') === 0) {
    const glob = JSON.stringify(options.metrics ?? '*');
    const time = options.date || options.since ? ' of that time' : '';
    const hint = await hintForBucket(store, options);
    tally.stop(
      'NOTHING_MATCHED',
      `Nothing to verify: ${store.name} holds no backup${time} that matches ${glob}${hint}`,
    );
  }

  async function visit(item: Surveyed | BlindSpot): Promise<void> {
    if (item.kind === 'blind') {
      tally.fail({ metric: item.file, code: codeOf(item.error), reason: reasonOf(item.error) });
      return;
    }
    try {
      const isAny = item.stored ? await visitStored(item.stored) : false;
      if (isAny || (compare && item.local)) tally.add('metrics');
      if (compare) await visitLocal(item, compare);
    } catch (error) {
      if (signal?.aborted) return;
      tally.fail({ metric: item.metric, code: codeOf(error), reason: reasonOf(error) });
    }
  }

  /** @returns whether there is anything of the time that the run is about. */
  async function visitStored(stored: StoredMetric): Promise<boolean> {
    const { metric } = stored;
    const isRead = typeof readData === 'boolean' ? readData : isInPart(metric, readData);
    const verdict = await verdictOn(stored, { ...judging, read: isRead ? read : undefined });
    const { backups, damaged, failures, remarks, unfinished, vanished } = verdict;
    tally.add('backups', backups.length);
    tally.add('unfinished', unfinished);
    for (const { code, reason } of failures) tally.fail({ metric, code, reason });
    for (const { key, remark } of remarks) countStored(metric, key, remark);
    for (const { object } of vanished)
      tally.skip({ metric, code: 'VANISHED', reason: `${object.key} was deleted meanwhile` });
    for (const { flaw, instead } of damaged) {
      const { code, key, reason } = flaw;
      report.log('debug', `${key} is damaged: ${reason}`);
      const { movedTo, removed = [] } = (repair && isOrdered && (await tryMoving(metric, flaw))) || {};
      const repaired = { ...(movedTo !== undefined && { movedTo }), ...(removed.length > 0 && { removed }) };
      tally.damage({ metric, key, code, reason, instead, ...repaired });
    }
    return backups.length + damaged.length > 0;
  }

  /** The bucket is right. A file that was damaged is one that a restore with these options does not take. */
  function countStored(metric: string, key: string, { code, reason }: Remark): void {
    if (code === 'ODD' || includeDamaged) {
      countRemark(metric, { code, reason: `${key}: ${reason}` }, tally);
      return;
    }
    tally.add('damagedFiles');
    const cause = `the backup is sound, but the file was damaged already when it was backed up: ${reason}`;
    const remedy = 'restore takes it with --include-damaged, or an older backup with --fallback';
    tally.fail({ metric, code: 'WHISPER_DAMAGED', reason: `${key}: ${cause}: ${remedy}` });
  }

  function read(backup: Backup): Promise<Reading> {
    tally.add('read');
    return readBackup(backup, otherEngine(backup.algorithm, options.gzipEngine), reading);
  }

  /** @returns undefined when it stays where it is. */
  async function tryMoving(metric: string, flaw: Flaw): Promise<MovedAside | undefined> {
    try {
      const aside = await moveAside(metric, flaw, { ...reading, root });
      if (aside.movedTo !== undefined) {
        tally.add('moved');
        report.log('info', `${dryRun ? 'Would move' : 'Moved'} ${flaw.key} to ${aside.movedTo}`, 'damaged objects');
      }
      tally.add('removed', aside.removed.length);
      for (const key of aside.removed)
        report.log(
          'info',
          `${dryRun ? 'Would delete' : 'Deleted'} ${key}: it is listed, but its object is gone`,
          'keys without an object',
        );
      return aside;
    } catch (error) {
      signal?.throwIfAborted();
      tally.fail({ metric, code: codeOf(error), reason: `Cannot move ${flaw.key} aside: ${reasonOf(error)}` });
      return undefined;
    }
  }

  async function visitLocal(item: Surveyed, tree: TreeOptions): Promise<void> {
    const { metric, stored } = item;
    const newest = stored?.backups.filter(({ time }) => !options.date || time < options.date).at(-1);
    if (!item.local && !newest) return;
    const comparison = await compareFile(item, newest, { ...reading, tree });
    countComparison(metric, comparison, tally);
    if (comparison.outcome === 'failed' && comparison.code === 'NO_LOCKS')
      noLocks ??= new WhisperBackupError(comparison.code, comparison.reason);
  }
}

/** Whether a key that is not ours stands among a metric's backups and looks like one. */
function isMisnamed(rest: string): boolean {
  return /^[^/]+\/[^/]+\.(?:wsp\.(?:gz|zst|sz)|sha1|gone)$/.test(rest);
}
