import { resolve } from 'node:path';
import { catalog } from '../../bucket/catalog.ts';
import { claim } from '../../bucket/owner.ts';
import { COUNTS } from '../../common/codes.ts';
import { InvalidOptionError } from '../../common/errors.ts';
import { selector } from '../../common/glob.ts';
import type { Machine, PlaceOptions, SelectOptions, TreeOptions } from '../../common/options.ts';
import { each } from '../../common/pages.ts';
import type { Summary } from '../../common/summary.ts';
import type { FormatOptions } from '../../compress/format.ts';
import { Holds } from '../../expiry/holds.ts';
import type { ObjectStore } from '../../store/store.ts';
import { checkPrefix } from '../../tree/presence.ts';
import type { BlindSpot } from '../../tree/walk.ts';
import { type LoadOptions, WorkerPool } from '../../workers/pool.ts';
import { stopIfNothingMatched } from '../shared/nothing-hint.ts';
import { checkNoOverlap } from '../shared/overlap.ts';
import type { Part } from '../shared/part.ts';
import { type OperationOptions, Run } from '../shared/run.ts';
import { type SurveyEvents, type Surveyed, survey } from '../shared/survey.ts';
import { Visits } from '../shared/visits.ts';
import { checkJournal } from './journal-check.ts';
import { MetricVisitor } from './metric-visitor.ts';

export interface VerifyOptions
  extends OperationOptions,
    SelectOptions,
    PlaceOptions,
    LoadOptions,
    Pick<FormatOptions, 'gzipEngine'> {
  /** Only backups at this time or later. */
  readonly since?: Date;
  /** Only backups strictly before this time. */
  readonly date?: Date;
  /** Fetch and check the content of backups, of all metrics or of a part of them. @default false */
  readonly readData?: boolean | Part;
  /** Accept backups of files that were damaged when they were backed up. @default false */
  readonly includeDamaged?: boolean;
  /** Compare the newest backups with this tree. */
  readonly compare?: TreeOptions;
  /** Move damaged backups aside. */
  readonly repair?: { readonly machine: Machine; readonly adopt?: boolean };
}

/**
 * Checks the backups and the journal of a bucket by the listing; optionally also reads them, and compares the newest ones with the
 * local tree. Changes nothing, except with `repair`. Holds neither the tree nor the listing in memory.
 *
 * `counts.damaged` counts backups that no restore can use, `counts.failed` those that could not be checked.
 *
 * @throws GuardError with `repair`: `FOREIGN_BUCKET` if the bucket belongs to another machine, `HOLD_UNREADABLE`.
 * @throws StoreError if the bucket cannot be used.
 * @throws WhisperBackupError `TREE_MISSING`, `NO_LOCKS`
 */
export async function verify(store: ObjectStore, given: VerifyOptions): Promise<Summary> {
  const { compare, repair } = given;
  const run = new Run('verify', store, given, [
    ...(compare ? COUNTS.verifyCompare : []),
    ...(repair ? COUNTS.verifyRepair : []),
  ]);
  const { signal, date, since } = run.options;
  return run.summarize(async () => {
    if (compare) await checkPrefix(compare.prefix);
    if (compare && repair) await checkNoOverlap(store, compare.prefix);
    await store.open({ create: false, signal });
    if (repair) await claimForRepair(run, repair);
    const holds = repair ? await Holds.read(store, run.options, run.began, signal) : new Holds([], run.began);
    run.begin();

    const pool = new WorkerPool(run.options);
    try {
      const visitor = new MetricVisitor(run, pool, holds);
      const concurrency = 2 * pool.concurrency;
      const visits = new Visits(run, { phase: 'Verifying', bytes: 'bytesFetched', concurrency, maxWaiting: 1024 });
      const found = visits.untilStopped(surveyOf(run, visitor.events), () => 1);
      for await (const _ of visits.each(found, (item) => visitor.visit(item))) visits.advance();
      for await (const _ of visits.each(each(visitor.again()), (item) => visitor.visit(item))) visits.advance(0);
    } finally {
      await pool.close();
    }
    run.throwIfStopped();
    await checkJournal(run);
    await stopIfNothingMatched(run, 'verify', date || since ? 'backup of that time' : 'backup');
  });
}

async function claimForRepair(run: Run<VerifyOptions>, repair: NonNullable<VerifyOptions['repair']>): Promise<void> {
  const { began, options, store } = run;
  if (store.mayDelete === false)
    throw new InvalidOptionError(
      "Cannot repair: 'deletes' is never on this host: run verify --repair where deletes are allowed",
    );
  const prefix = options.compare && { prefix: resolve(options.compare.prefix) };
  // A marker in an empty mount point would hide from the next backup that its bucket has vanished.
  await claim(store, { ...options, adopt: false, ...repair, ...prefix, mark: false, now: began });
}

/** Surveys the bucket, and the local tree with `compare`. */
async function* surveyOf(run: Run<VerifyOptions>, events: SurveyEvents): AsyncGenerator<Surveyed | BlindSpot> {
  const { options, store } = run;
  if (options.compare) {
    yield* each(survey(store, { ...options, ...options.compare }, events), options.signal);
    return;
  }
  const isSelected = selector(options);
  for await (const stored of each(catalog(store, options, events), options.signal)) {
    const { metric, path } = stored;
    if (isSelected(metric)) yield { kind: 'metric', metric, path, stored, hidden: false };
  }
}
