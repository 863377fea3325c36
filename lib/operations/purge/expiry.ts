import { resolve } from 'node:path';
import type { StoredMetric } from '../../bucket/metric.ts';
import { claim } from '../../bucket/owner.ts';
import { removalOf } from '../../bucket/removal.ts';
import type { VanishedGuard } from '../../bucket/vanished.ts';
import { reasonOf } from '../../common/errors.ts';
import type { PurgeRules } from '../../common/options.ts';
import { countHeld, type Due, dueOf, type Rules } from '../../expiry/due.ts';
import { Guards } from '../../expiry/guards.ts';
import { Holds } from '../../expiry/holds.ts';
import { type JudgedOptions, judge } from '../../expiry/judged.ts';
import type { Presence } from '../../tree/presence.ts';
import type { OperationOptions, Run } from '../shared/run.ts';
import { presenceOf, type SurveyEvents, type Surveyed, type SurveyOptions } from '../shared/survey.ts';
import { deleteDue, mustMark } from './delete-due.ts';
import { Leftovers } from './leftovers.ts';

export type ExpiringRun = Run<OperationOptions & SurveyOptions & PurgeRules & JudgedOptions>;

/** How many metrics one run may mark or purge: it keeps their names in memory between the passes. */
const MAX_GONE = 250_000;

/**
 * Expires backups in two passes: the first evaluates every metric and deletes nothing; the second deletes what is due,
 * if the guards allow it.
 */
export class Expiry {
  readonly #run: ExpiringRun;
  readonly #rules: Rules;
  /** Whether the store may delete. */
  readonly #deletes: boolean;
  readonly #guards: Guards;
  readonly #leftovers = new Leftovers();
  #holds = new Holds([], new Date());
  /** Why the holds could not be read, if so. */
  #unreadable: unknown;
  /** Only these may be marked or purged in the second pass: the tree may be unmounted between the two. */
  readonly #gone = new Set<string>();
  #toExpire = false;
  #hasInvalid = false;
  #toPurge = false;

  constructor(run: ExpiringRun, rules: Rules) {
    this.#run = run;
    this.#deletes = run.store.mayDelete ?? true;
    // A host that deletes nothing only marks which metrics are missing, for a prune elsewhere.
    this.#rules = this.#deletes ? rules : { ...rules, expire: false, purge: -1 };
    this.#guards = new Guards(this.#rules, run.began, run.options.now);
  }

  get events(): SurveyEvents {
    return {
      ...this.#run.events,
      onLocal: () => this.#guards.local(),
      onTemporary: (path) => this.#leftovers.found(path),
      onDisorder: (previous, key) => this.#guards.disorder(previous, key),
    };
  }

  /**
   * Checks that the open bucket belongs to this host, and marks one without an owner.
   *
   * @param complete add fields to the marker that older releases did not write.
   * @throws GuardError
   */
  async claim({ onUnmarked }: VanishedGuard, complete: boolean): Promise<void> {
    const { began, options, store } = this.#run;
    const { adopt } = this.#rules;
    await claim(store, { ...options, prefix: resolve(options.prefix), adopt, complete, onUnmarked, now: began });
    this.#run.begin();
    await this.#readHolds();
  }

  /** Reads the holds. If that fails, remembers why: a backup still stores what changed, but nothing is deleted. */
  async #readHolds(): Promise<void> {
    const { options, store } = this.#run;
    if (!this.#deletes) return;
    try {
      this.#holds = await Holds.read(store, options, options.now(), options.signal);
    } catch (error) {
      options.signal.throwIfAborted();
      this.#unreadable = error;
    }
  }

  /** Evaluates one metric, including its new backup. Returns a promise only if it must wait. */
  evaluate(surveyed: Surveyed, stored: StoredMetric): undefined | Promise<void> {
    if (surveyed.local) return this.#evaluate(stored, 'present');
    return presenceOf(surveyed, this.#run.options.prefix).then((presence) => this.#evaluate(stored, presence));
  }

  #evaluate(stored: StoredMetric, presence: Presence): undefined | Promise<void> {
    const due = dueOf(stored, presence, this.#rules, this.#run.began, this.#holds);
    this.#guards.stored(stored, due);
    this.#toExpire ||= due.retention.expired.length > 0;
    this.#hasInvalid ||= this.#deletes && due.absence.invalid.length > 0;
    const isIncomplete = this.#deletes && due.incomplete.length > 0;
    const isGone = due.absence.isDue || mustMark(this.#run.store, due.absence);
    this.#toPurge ||= isGone || isIncomplete;
    if (isGone && this.#gone.size < MAX_GONE) this.#gone.add(stored.metric);
    const held = countHeld(due);
    if (held > 0) this.#run.add('held', held);
    this.#note(stored, due.retention.shrunkFrom?.object.key);
    if (!this.#run.options.dryRun) return undefined;
    this.#count(stored, due);
    const { onJudged } = this.#run.options;
    return onJudged && Promise.resolve(onJudged(judge(stored, due, this.#rules)));
  }

  /** Deletes what is due unless a guard prevents it. Removes leftovers of killed runs. */
  async finish(): Promise<void> {
    if (!this.#isStoppedByHold()) await this.#expire();
    await this.#leftovers.sweep(this.#run);
  }

  /** Stops the run if the holds could not be read. Unlike a guard, this cannot be overridden. */
  #isStoppedByHold(): boolean {
    if (this.#unreadable === undefined) return false;
    this.#run.stop('HOLD_UNREADABLE', `Nothing was deleted: ${reasonOf(this.#unreadable)}`);
    return true;
  }

  async #expire(): Promise<void> {
    const { store, options } = this.#run;
    const { report, dryRun } = options;
    const rules = this.#rules;
    const clock = await store.clock(options);
    const retention = this.#guards.retentionStop(clock);
    const stop = this.#guards.purgeStop(clock) ?? retention;
    if (stop && rules.force) {
      report.log('warn', `Continuing because of --force, although ${stop.message}. ${this.#guards.outlook()}`);
    } else if (stop) {
      const what = retention ? 'Retention and purge' : 'Purge';
      this.#run.stop(stop.code, `${what} stopped, nothing was deleted by it: ${stop.message} (--force overrides)`);
    }
    const mayExpire = rules.force || !retention;
    const mayPurge = rules.force || !stop;
    // Invalid tombstones are always deleted: otherwise a metric that goes missing later would count as missing since
    // then.
    const isWorthwhile = this.#hasInvalid || (mayExpire && this.#toExpire) || (mayPurge && this.#toPurge);
    if (!isWorthwhile || dryRun) return;
    // A hold may have been added during the run.
    await this.#readHolds();
    if (this.#isStoppedByHold()) return;
    if (this.#gone.size === MAX_GONE)
      report.log('warn', `At least ${MAX_GONE} metrics are missing. The next run marks or purges the rest.`);
    const wasGone = (metric: string) => this.#gone.has(metric);
    await deleteDue(this.#run, { rules, holds: this.#holds, mayExpire, mayPurge, wasGone });
  }

  #note(stored: StoredMetric, shrunkFrom: string | undefined): void {
    const { metric } = stored;
    if (shrunkFrom !== undefined) {
      this.#run.add('shrunk');
      const reason = `its newest backup is less than half as large as its largest, which is kept: ${shrunkFrom}`;
      this.#run.note({ metric, code: 'SHRUNK', reason });
    }
    for (const { key } of stored.loneSha1s) {
      this.#run.add('loneSha1s');
      this.#run.note({ metric, code: 'LONE_SHA1', reason: `${key} is a checksum without data: damage` });
    }
  }

  #count(stored: StoredMetric, due: Due): void {
    const { isDue, invalid } = due.absence;
    if (isDue) {
      this.#run.add('purged');
      const { sha1s, data, tombstones } = removalOf(stored, due.held);
      this.#run.add('deleted', sha1s.length + data.length + tombstones.length);
      return;
    }
    if (mustMark(this.#run.store, due.absence)) this.#run.add('tombstones');
    if (!this.#deletes) return;
    this.#run.add('retired', due.retention.expired.length);
    const sha1s = due.retention.expired.filter((backup) => backup.sha1Object).length;
    this.#run.add('deleted', due.retention.expired.length + sha1s + due.incomplete.length + invalid.length);
  }
}
