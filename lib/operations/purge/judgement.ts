import type { StoredMetric } from '../../bucket/metric.ts';
import { removalOf } from '../../bucket/removal.ts';
import type { RunOptions } from '../../common/options.ts';
import type { Tally } from '../../common/summary.ts';
import { dueOf, type Rules } from '../../expiry/due.ts';
import { Guards } from '../../expiry/guards.ts';
import type { ObjectStore } from '../../store/store.ts';
import type { Presence } from '../../tree/walk.ts';
import { presenceOf, type Surveyed, type SurveyOptions } from '../shared/survey.ts';
import { prune } from './prune.ts';

export interface JudgementOptions extends SurveyOptions, Pick<RunOptions, 'report' | 'signal'> {
  readonly rules: Rules;
  /** When the run began. */
  readonly now: Date;
  /** What time it is later on. */
  readonly clock: () => Date;
  readonly dryRun: boolean;
}

/** Metrics that may be marked or purged in one run: their names are held between its passes. */
const GONE_AT_MOST = 250_000;

/**
 * What the first pass of a run learns about deletions, and what is done about it afterwards: every metric is judged
 * while nothing is deleted; then, if the guards agree, a second pass carries it out.
 */
export class Judgement {
  readonly guards: Guards;
  readonly #options: JudgementOptions;
  readonly #tally: Tally;
  /** Only these may be marked or purged by the second pass: the tree may be unmounted between the two. */
  readonly #gone = new Set<string>();
  #toRetire = false;
  #toVoid = false;
  #toPurge = false;

  constructor(tally: Tally, options: JudgementOptions) {
    this.guards = new Guards(options.rules, options.now, options.clock);
    this.#options = options;
    this.#tally = tally;
  }

  /** Judges one metric of the store, as it is after a new backup. Of one that is there it takes no time to know. */
  judge(surveyed: Surveyed, stored: StoredMetric): undefined | Promise<void> {
    if (surveyed.local) return this.#judge(stored, 'present');
    return presenceOf(surveyed, this.#options.prefix).then((presence) => this.#judge(stored, presence));
  }

  #judge(stored: StoredMetric, presence: Presence): undefined {
    const { rules, now, dryRun } = this.#options;
    const due = dueOf(stored, presence, rules, now);
    this.guards.stored(stored, due);
    this.#toRetire ||= due.retention.retired.length > 0;
    this.#toVoid ||= due.passing.voided.length > 0;
    this.#toPurge ||= due.passing.isNew || due.passing.isDue || due.swept.length > 0;
    if ((due.passing.isNew || due.passing.isDue) && this.#gone.size < GONE_AT_MOST) this.#gone.add(stored.metric);
    this.#note(stored, due.retention.shrunkFrom?.object.key);
    if (dryRun) this.#foretell(stored, due);
  }

  /** Deletes what is due, unless a guard says no: then the run is marked as stopped. */
  async carryOut(store: ObjectStore): Promise<void> {
    const { rules, report, signal, dryRun } = this.#options;
    const clock = await store.clock({ ...(signal && { signal }) });
    const retention = this.guards.retentionStop(clock);
    const stop = this.guards.purgeStop(clock) ?? retention;
    if (stop && rules.force) {
      report.log('warn', `Going on because of --force, although ${stop.message}. ${this.guards.outlook()}`);
    } else if (stop) {
      const what = retention ? 'Retention and purge' : 'Purge';
      this.#tally.stop(stop.code, `${what} stopped, nothing was deleted by it: ${stop.message} (--force overrides)`);
    }
    const mayRetire = rules.force || !retention;
    const mayPurge = rules.force || !stop;
    // Void tombstones go whatever stopped the purge: left to stand, they would make a later absence look old.
    const isWorthwhile = this.#toVoid || (mayRetire && this.#toRetire) || (mayPurge && this.#toPurge);
    if (!isWorthwhile || dryRun) return;
    if (this.#gone.size === GONE_AT_MOST)
      report.log('warn', `${GONE_AT_MOST} metrics or more are gone: those over it wait for the next run`);
    const wasGone = (metric: string) => this.#gone.has(metric);
    await prune(store, this.#tally, { ...this.#options, mayRetire, mayPurge, wasGone });
  }

  #note(stored: StoredMetric, shrunkFrom: string | undefined): void {
    const { metric } = stored;
    if (shrunkFrom !== undefined) {
      this.#tally.add('shrunk');
      const reason = `its newest backup is less than half as large as its largest, which is kept: ${shrunkFrom}`;
      this.#tally.note({ metric, code: 'SHRUNK', reason });
    }
    for (const { key } of stored.loneSha1s) {
      this.#tally.add('loneSha1s');
      this.#tally.note({ metric, code: 'LONE_SHA1', reason: `${key} is a checksum without data: damage` });
    }
  }

  /** Counts what a real run would do. */
  #foretell(stored: StoredMetric, due: ReturnType<typeof dueOf>): void {
    const { isDue, isNew, voided } = due.passing;
    if (isDue) {
      this.#tally.add('purged');
      const { sha1s, data, tombstones } = removalOf(stored);
      this.#tally.add('deleted', sha1s.length + data.length + tombstones.length);
      return;
    }
    this.#tally.add('retired', due.retention.retired.length);
    const sha1s = due.retention.retired.filter((backup) => backup.sha1Object).length;
    this.#tally.add('deleted', due.retention.retired.length + sha1s + due.swept.length + voided.length);
    if (isNew) this.#tally.add('tombstones');
  }
}
