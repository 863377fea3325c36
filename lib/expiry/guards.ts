import type { Due, Rules } from './due.ts';
import { DAY } from './retention.ts';
import { ageOf } from './tombstone.ts';

/** Why something is not done. */
export interface Stop {
  readonly code: string;
  readonly message: string;
}

/** Counts what a whole run would delete, and says whether that is believable. */
export class Guards {
  readonly #rules: Rules;
  readonly #now: Date;
  readonly #clock: () => Date;
  #metrics = 0;
  #locals = 0;
  #gone = 0;
  #due = 0;
  #disorder: string | undefined;
  #ahead: string | undefined;

  /**
   * @param now when the run began, which ages are counted from.
   * @param clock what time it is later on: a run may take hours.
   */
  constructor(rules: Rules, now: Date, clock: () => Date) {
    this.#rules = rules;
    this.#now = now;
    this.#clock = clock;
  }

  /** A file of the local tree was seen, whether the run's glob covers it or not. */
  local(): void {
    this.#locals++;
  }

  /** A metric of the store was judged. */
  stored(metric: string, newest: Date | undefined, due: Due): void {
    if (newest) this.#metrics++;
    const { since, isNew, isDue } = due.passing;
    if (isNew || (since && ageOf(since, this.#now) <= 7 * DAY)) this.#gone++;
    if (isDue) this.#due++;
    if (newest && newest.getTime() - this.#clock().getTime() > 3_600_000) this.#ahead ??= metric;
  }

  /** A sequence did not ascend. */
  disorder(previous: string, key: string): void {
    this.#disorder ??= `${JSON.stringify(key)} came after ${JSON.stringify(previous)}`;
  }

  /**
   * Why purge must not go on, or undefined.
   *
   * @param storeClock what time it is at the store, if it can tell.
   */
  purgeStop(storeClock: Date | undefined): Stop | undefined {
    const limit = Math.max(20, (this.#metrics * this.#rules.purgeShare) / 100);
    const share = `more than ${this.#rules.purgeShare} % of the store's ${this.#metrics} metrics (--purge-share)`;
    if (this.#disorder !== undefined)
      return stop('DISORDER', `a listing was not in ascending order, so it may not be whole: ${this.#disorder}`);
    if (this.#locals === 0) return stop('TREE_EMPTY', 'the local tree holds no Whisper file: is it mounted?');
    if (this.#gone > limit)
      return stop('TOO_MANY_GONE', `${this.#gone} metrics went missing within 7 days, ${share}: is the tree whole?`);
    if (this.#due > limit) return stop('TOO_MANY_DUE', `the backups of ${this.#due} metrics are due to go, ${share}`);
    const off = storeClock ? Math.abs(storeClock.getTime() - this.#clock().getTime()) : 0;
    if (off > 300_000)
      return stop(
        'CLOCK_OFF',
        `this host's clock and the store's differ by ${Math.round(off / 1000)} s: set the clock`,
      );
    return this.retentionStop();
  }

  /** Why retention must not go on either, or undefined. */
  retentionStop(): Stop | undefined {
    if (this.#ahead === undefined) return undefined;
    return stop(
      'BACKUP_AHEAD',
      `the newest backup of ${this.#ahead} is over an hour ahead of this host's clock: one of the two was wrong`,
    );
  }

  /** What is about to be done all the same. */
  outlook(): string {
    return `About to purge ${this.#due} of ${this.#metrics} metrics; ${this.#gone} are missing`;
  }
}

function stop(code: string, message: string): Stop {
  return { code, message };
}
