import { countForeign } from '../../bucket/foreign.ts';
import { rootOf } from '../../bucket/layout.ts';
import { type Backup, backupsBefore, type StoredMetric } from '../../bucket/metric.ts';
import { ByteBudget } from '../../common/byte-budget.ts';
import { type WithDefaults, withDefaults } from '../../common/defaults.ts';
import { codeOf, reasonOf } from '../../common/errors.ts';
import type { TreeOptions } from '../../common/options.ts';
import type { Holds } from '../../expiry/holds.ts';
import type { BlindSpot } from '../../tree/walk.ts';
import { countRemark, type Remark } from '../../whisper/remark.ts';
import type { WorkerPool } from '../../workers/pool.ts';
import { isInPart } from '../shared/part.ts';
import type { Run } from '../shared/run.ts';
import { SecondPass } from '../shared/second-pass.ts';
import type { SurveyEvents, Surveyed } from '../shared/survey.ts';
import { compareFile, countComparison } from './comparison.ts';
import type { Flaw } from './flaw.ts';
import { type MovedAside, moveAside } from './quarantine.ts';
import { otherEngine, type ReadingContext, readBackup } from './reading.ts';
import { type Verdict, verdictOn } from './verdict.ts';
import type { VerifyOptions } from './verify.ts';

/** Verifies single metrics and counts the results. */
export class MetricVisitor {
  readonly #run: Run<VerifyOptions>;
  readonly #holds: Holds;
  readonly #root: string;
  readonly #reading: ReadingContext;
  readonly #tree: WithDefaults<TreeOptions> | undefined;
  readonly #later: SecondPass<Surveyed>;

  /** @param holds what a repair must leave in its place. */
  constructor(run: Run<VerifyOptions>, pool: WorkerPool, holds: Holds) {
    const { options, store } = run;
    this.#run = run;
    this.#holds = holds;
    this.#later = new SecondPass(run);
    this.#root = rootOf(options);
    this.#tree = options.compare && withDefaults(options.compare);
    this.#reading = {
      store,
      pool,
      bodies: new ByteBudget(options.bytesInFlight),
      budget: new ByteBudget(options.bytesInFlight),
      includeDamaged: options.includeDamaged,
      onFetched: (bytes) => run.add('bytesFetched', bytes),
      signal: options.signal,
    };
  }

  get events(): SurveyEvents {
    const run = this.#run;
    return {
      signal: run.options.signal,
      onForeign: (key) => {
        if (!countForeign(run, key) && isMisnamed(key.slice(this.#root.length)))
          run.note({
            metric: key,
            code: 'MISNAMED',
            reason: 'its name is not that of a backup, so all commands ignore it',
          });
      },
      onDisorder: (previous, key) => {
        const what = `${JSON.stringify(key)} came after ${JSON.stringify(previous)}`;
        run.stop('DISORDER', `Cannot verify all of ${run.store.name}: a listing was not in ascending order: ${what}`);
      },
    };
  }

  async visit(item: Surveyed | BlindSpot): Promise<void> {
    const run = this.#run;
    const { signal } = run.options;
    if (item.kind === 'blind') {
      run.failBlind(item);
      return;
    }
    let isCounted = false;
    try {
      const verdict = item.stored && (await this.#judge(item.stored));
      if (verdict?.failures.some(({ code }) => this.#later.defer(item, code))) return;
      isCounted = true;
      const isAny = item.stored && verdict ? await this.#count(item.stored, verdict) : false;
      if (isAny || (this.#tree && item.local)) run.add('metrics');
      if (this.#tree) await this.#visitLocal(item, this.#tree);
    } catch (error) {
      const isDeferred = !isCounted && this.#later.defer(item, codeOf(error));
      if (!signal.aborted && !isDeferred) run.failWith(item.metric, error);
    }
  }

  /** The metrics that could not be read, but may be now that all others were visited. */
  again(): AsyncGenerator<readonly Surveyed[]> {
    return this.#later.again();
  }

  #judge(stored: StoredMetric): Promise<Verdict> {
    const run = this.#run;
    const { date, gzipEngine, readData = false, signal, since } = run.options;
    const isRead = typeof readData === 'boolean' ? readData : isInPart(stored.metric, readData);
    const read = (backup: Backup) => readBackup(backup, otherEngine(backup.algorithm, gzipEngine), this.#reading);
    return verdictOn(stored, {
      store: run.store,
      place: run.options,
      now: run.began,
      isInRange: ({ time }) => (!since || time >= since) && (!date || time < date),
      read: isRead ? read : undefined,
      signal,
    });
  }

  /** @returns whether there is any backup in the date range. */
  async #count(stored: StoredMetric, verdict: Verdict): Promise<boolean> {
    const run = this.#run;
    const { repair, report } = run.options;
    const { metric } = stored;
    const { backups, damaged, failures, read, remarks, unfinished, vanished } = verdict;
    run.add('backups', backups.length);
    run.add('read', read);
    run.add('unfinished', unfinished);
    for (const { code, reason } of failures) run.fail({ metric, code, reason });
    for (const { key, remark } of remarks) this.#countRemark(metric, key, remark);
    for (const { object } of vanished)
      run.skip({ metric, code: 'VANISHED', reason: `${object.key} was deleted meanwhile` });
    for (const { flaw, instead } of damaged) {
      const { code, key, reason } = flaw;
      report.log('debug', `${key} is damaged: ${reason}`);
      // A listing that was not in order may lack objects of this backup.
      const { movedTo, removed = [] } = (repair && !run.stopped && (await this.#tryMoving(stored, flaw))) || {};
      const repaired = { ...(movedTo !== undefined && { movedTo }), ...(removed.length > 0 && { removed }) };
      run.damage({ metric, key, code, reason, instead, ...repaired });
    }
    return backups.length + damaged.length > 0;
  }

  /** A sound backup of a damaged file counts as failed, because a restore with the same options does not accept it. */
  #countRemark(metric: string, key: string, { code, reason }: Remark): void {
    const run = this.#run;
    if (code === 'ODD' || run.options.includeDamaged) {
      countRemark(metric, { code, reason: `${key}: ${reason}` }, run);
      return;
    }
    run.add('damagedFiles');
    const cause = `the backup is sound, but the file was already damaged when it was backed up: ${reason}`;
    const remedy = 'restore it with --include-damaged, or an older backup with --fallback';
    run.fail({ metric, code: 'WHISPER_DAMAGED', reason: `${key}: ${cause}: ${remedy}` });
  }

  /** @returns undefined if it could not be moved. */
  async #tryMoving(stored: StoredMetric, flaw: Flaw): Promise<MovedAside | undefined> {
    const run = this.#run;
    const { metric } = stored;
    const hold = flaw.backup && this.#holds.of(stored).get(flaw.backup);
    if (hold !== undefined) {
      const remedy = `to repair it, release the hold with "hold release ${hold}"`;
      run.note({
        metric,
        code: 'HELD',
        reason: `${flaw.key} was not moved aside: the hold ${hold} keeps it: ${remedy}`,
      });
      return undefined;
    }
    const { dryRun, report, signal } = run.options;
    try {
      const aside = await moveAside(metric, flaw, { ...this.#reading, root: this.#root });
      if (aside.movedTo !== undefined) {
        run.add('moved');
        report.log('info', `${dryRun ? 'Would move' : 'Moved'} ${flaw.key} to ${aside.movedTo}`, 'damaged objects');
      }
      run.add('removed', aside.removed.length);
      const deleted = dryRun ? 'Would delete' : 'Deleted';
      for (const key of aside.removed)
        report.log('info', `${deleted} ${key}: it is listed, but its object does not exist`, 'keys without an object');
      return aside;
    } catch (error) {
      signal.throwIfAborted();
      run.fail({ metric, code: codeOf(error), reason: `Cannot move ${flaw.key} aside: ${reasonOf(error)}` });
      return undefined;
    }
  }

  async #visitLocal(item: Surveyed, tree: WithDefaults<TreeOptions>): Promise<void> {
    const newest = item.stored && backupsBefore(item.stored, this.#run.options.date).at(-1);
    if (!item.local && !newest) return;
    const comparison = await compareFile(item, newest, { ...this.#reading, tree });
    countComparison(item.metric, comparison, this.#run);
  }
}

/** Returns whether a foreign key looks like that of a backup. */
function isMisnamed(rest: string): boolean {
  return /^[^/]+\/[^/]+\.(?:wsp\.(?:gz|zst|sz)|sha1|gone)$/.test(rest);
}
