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
    const ahead = this.#aheadOf(storeClock);
    return Math.abs(ahead) > CLOCK_OFF ? clockOff(ahead) : this.retentionStop(storeClock);
  }

  /**
   * Why retention must not go on either, or undefined: by a clock that is ahead, young backups would look old.
   *
   * @param storeClock as for `purgeStop`.
   */
  retentionStop(storeClock: Date | undefined): Stop | undefined {
    const ahead = this.#aheadOf(storeClock);
    if (ahead > CLOCK_OFF) return clockOff(ahead);
    if (this.#ahead === undefined) return undefined;
    return stop(
      'BACKUP_AHEAD',
      `the newest backup of ${this.#ahead} is over an hour ahead of this host's clock: one of the two was wrong`,
    );
  }

  /** How far this host's clock is ahead of the store's, in milliseconds. */
  #aheadOf(storeClock: Date | undefined): number {
    return storeClock ? this.#clock().getTime() - storeClock.getTime() : 0;
  }

  /** What is about to be done all the same. */
  outlook(): string {
    return `About to purge ${this.#due} of ${this.#metrics} metrics; ${this.#gone} are missing`;
  }
}

/** How far this host's clock and the store's may differ before nothing is deleted, in milliseconds. */
export const CLOCK_OFF = 300_000;

function clockOff(ahead: number): Stop {
  const seconds = Math.round(Math.abs(ahead) / 1000);
  return stop('CLOCK_OFF', `this host's clock and the store's differ by ${seconds} s: set the clock`);
}

function stop(code: string, message: string): Stop {
  return { code, message };
}
