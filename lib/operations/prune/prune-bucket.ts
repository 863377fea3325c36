import { catalog } from '../../bucket/catalog.ts';
import type { StoredMetric } from '../../bucket/metric.ts';
import { isEmpty, type Removal, Remover, removalOf } from '../../bucket/removal.ts';
import { InvalidOptionError } from '../../common/errors.ts';
import { selector } from '../../common/glob.ts';
import type { PlaceOptions, PurgeRules, SelectOptions } from '../../common/options.ts';
import { each } from '../../common/pages.ts';
import type { Summary } from '../../common/summary.ts';
import { dueByBothClocks, findContradiction, isAhead } from '../../expiry/both-clocks.ts';
import { countHeld, type Due, type Rules, rulesOf } from '../../expiry/due.ts';
import { Guards } from '../../expiry/guards.ts';
import { Holds } from '../../expiry/holds.ts';
import { type JudgedOptions, judge, judgeKept } from '../../expiry/judged.ts';
import type { ObjectStore } from '../../store/store.ts';
import { noNewHold } from '../shared/no-new-hold.ts';
import { stopIfNothingMatched } from '../shared/nothing-hint.ts';
import { type OperationOptions, Run } from '../shared/run.ts';
import { expireJournal } from './expire-journal.ts';
import { reportContradiction } from './report-contradiction.ts';

export interface PruneOptions
  extends OperationOptions,
    SelectOptions,
    PlaceOptions,
    Omit<PurgeRules, 'machine' | 'adopt'>,
    JudgedOptions {
  /** Days after which a run of the journal is deleted. @default 8 */
  readonly journalKeep?: number;
  /** Whether the run covers only some metrics, so that it leaves the journal alone. @default as for a journal */
  readonly partial?: boolean;
}

/**
 * Applies retention, holds, due tombstones and the expiry of the journal to a bucket without the tree: for the bucket of a
 * host that must not delete, run elsewhere with credentials that may. It writes no tombstones.
 *
 * Trusts no date that the host wrote: what goes must be due by the names and by the store's own times, and of a metric
 * whose names and times contradict each other nothing goes, unless `force` is set: then backups dated ahead do not count.
 *
 * @throws GuardError `HOLD_UNREADABLE`
 * @throws StoreError if the bucket cannot be used.
 */
export async function prune(store: ObjectStore, given: PruneOptions): Promise<Summary> {
  const run = new Run('prune', store, given);
  const { options } = run;
  const { dryRun, onJudged, report, signal } = options;
  return run.summarize(async () => {
    const rules = rulesOf(options, true, run.began);
    if (store.mayDelete === false)
      throw new InvalidOptionError("Cannot prune: 'deletes' is never here: run prune where deletes are allowed");
    await store.open({ create: false, signal });
    run.begin();
    const pruner = new Pruner(run, rules, await Holds.read(store, options, options.now(), signal));
    const guards = new Guards(rules, run.began, options.now);
    // There is no tree that could be empty.
    guards.local();
    const mayContinue = async () => {
      const stop = guards.purgeStop(await store.clock({ signal }));
      if (!stop) return true;
      if (rules.force)
        report.log('warn', `Continuing because of --force, although ${stop.message}. ${guards.outlook()}`);
      else run.stop(stop.code, `Prune stopped, nothing was deleted: ${stop.message} (--force overrides)`);
      return rules.force;
    };
    // With a wrong clock here, the dates of all metrics might look wrong.
    if (!rules.force && !(await mayContinue())) return undefined;
    let isWorthwhile = false;
    const onDisorder = (previous: string, key: string) => guards.disorder(previous, key);
    for await (const stored of pruner.metrics({ ...run.events, onDisorder })) {
      run.add('metrics');
      const due = pruner.judge(stored, true);
      if (!due && dryRun) await onJudged?.(judgeKept(stored, 'contradicts the clocks'));
      if (!due) continue;
      guards.stored(stored, due);
      const held = countHeld(due);
      if (held > 0) run.add('held', held);
      isWorthwhile ||= !isEmpty(pruner.removalOf(stored, due));
      if (dryRun) pruner.report(stored, due);
      if (dryRun) await onJudged?.(judge(stored, due, rules));
    }
    await stopIfNothingMatched(run, 'prune', 'metric');
    // A hold may have been added meanwhile.
    if ((await mayContinue()) && isWorthwhile && !dryRun)
      await new Pruner(run, rules, await Holds.read(store, options, options.now(), signal)).delete();
    const { partial = options.metrics !== '*' || options.exclude.length > 0 } = options;
    if (!partial) await expireJournal(run);
    return undefined;
  });
}

class Pruner {
  readonly #run: Run<PruneOptions>;
  readonly #rules: Rules;
  readonly #holds: Holds;

  constructor(run: Run<PruneOptions>, rules: Rules, holds: Holds) {
    this.#run = run;
    this.#rules = rules;
    this.#holds = holds;
  }

  async *metrics(events: Run['events']): AsyncGenerator<StoredMetric> {
    const { store, options } = this.#run;
    const isSelected = selector(options);
    for await (const stored of each(catalog(store, options, events), options.signal))
      if (isSelected(stored.metric)) yield stored;
  }

  /** @returns undefined if nothing of the metric may go, because its dates contradict each other. */
  judge(stored: StoredMetric, isReported: boolean): Due | undefined {
    const { began, options } = this.#run;
    // The host may have made a backup since the run began.
    const now = options.now();
    const contradiction = this.#rules.force ? undefined : findContradiction(stored, now);
    if (!contradiction)
      return dueByBothClocks(stored, this.#rules, began, this.#holds, (backup) => isAhead(backup, now));
    if (isReported) reportContradiction(this.#run, stored.metric, contradiction);
    return undefined;
  }

  removalOf(stored: StoredMetric, { absence, held, incomplete, retention }: Due): Removal {
    if (absence.isDue) return removalOf(stored, held);
    const { expired } = retention;
    return {
      metric: stored.metric,
      sha1s: expired.flatMap(({ sha1Object }) => sha1Object?.key ?? []),
      data: [...expired.map(({ object }) => object), ...incomplete].map(({ key }) => key),
      tombstones: absence.invalid.map(({ object }) => object.key),
    };
  }

  /** Counts and logs what goes of a metric. @returns it. */
  report(stored: StoredMetric, due: Due): Removal {
    const { dryRun, report } = this.#run.options;
    const removal = this.removalOf(stored, due);
    const { sha1s, data, tombstones } = removal;
    const verb = dryRun ? 'Would delete' : 'Deleting';
    for (const key of [...data, ...tombstones])
      report.log(dryRun ? 'info' : 'debug', `${verb} ${key}`, 'objects to delete');
    if (due.absence.isDue) {
      this.#run.add('purged');
      const what = `${dryRun ? 'Would purge' : 'Purging'} the backups of ${stored.metric}`;
      report.log('info', what, 'metrics purged');
    } else this.#run.add('retired', due.retention.expired.length);
    if (dryRun) this.#run.add('deleted', sha1s.length + data.length + tombstones.length);
    return removal;
  }

  /** Lists the bucket again, and deletes what is due. */
  async delete(): Promise<void> {
    const run = this.#run;
    const { signal } = run.options;
    const onFailure = (metric: string, reason: string) => run.fail({ metric, code: 'DELETE_FAILED', reason });
    const mayDelete = noNewHold(this.#holds, run.store, run.options);
    const remover = new Remover(run.store, { signal, onFailure, mayDelete });
    let isOrdered = true;
    const onDisorder = () => {
      isOrdered = this.#rules.force;
    };
    for await (const stored of this.metrics({ ...run.events, onForeign() {}, onDisorder })) {
      if (!isOrdered) {
        run.stop('DISORDER', 'Prune stopped before its end: a listing was not in ascending order');
        break;
      }
      const due = this.judge(stored, false);
      if (!due) continue;
      await remover.add(this.report(stored, due));
    }
    await remover.flush();
    run.add('deleted', remover.deleted);
  }
}
