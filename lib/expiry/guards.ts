import type { StoredMetric } from '../bucket/metric.ts';
import { ageOf, DAY } from './age.ts';
import type { Due, Rules } from './due.ts';

/** Why something is not done. */
export interface Stop {
  readonly code: string;
  readonly message: string;
}

/** Metrics of the store, and how many of them are missing or due. */
interface Share {
  metrics: number;
  gone: number;
  due: number;
}

/**
 * A metric is established when its oldest backup is older than this, in milliseconds, or when it has as many backups as
 * retention keeps: that many nightly ones may all be younger.
 */
const ESTABLISHED = 7 * DAY;

/** Counts what a whole run would delete, and says whether that is believable. */
export class Guards {
  readonly #rules: Rules;
  readonly #now: Date;
  readonly #clock: () => Date;
  readonly #all: Share = { metrics: 0, gone: 0, due: 0 };
  /** What was stored in the last days under wrong names must not make what is missing look like the smaller part. */
  readonly #established: Share = { metrics: 0, gone: 0, due: 0 };
  #locals = 0;
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
  stored({ metric, backups }: StoredMetric, due: Due): void {
    const [oldest, newest] = [backups[0], backups.at(-1)];
    const isOld = oldest !== undefined && this.#now.getTime() - oldest.time.getTime() > ESTABLISHED;
    const isEstablished = isOld || backups.length >= this.#rules.retention;
    for (const share of isEstablished ? [this.#all, this.#established] : [this.#all]) {
      if (newest) share.metrics++;
      const { since, isNew, isDue } = due.passing;
      if (isNew || (since && ageOf(since, this.#now) <= 7 * DAY)) share.gone++;
      if (isDue) share.due++;
    }
    if (newest && newest.time.getTime() - this.#clock().getTime() > 3_600_000) this.#ahead ??= metric;
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
    if (this.#disorder !== undefined)
      return stop('DISORDER', `a listing was not in ascending order, so it may not be whole: ${this.#disorder}`);
    if (this.#locals === 0) return stop('TREE_EMPTY', 'the local tree holds no Whisper file: is it mounted?');
    const tooMany = this.#tooManyGone() ?? this.#tooManyDue();
    if (tooMany) return tooMany;
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

  #tooManyGone(): Stop | undefined {
    const share = this.#shares.find((share) => share.gone > this.#limitOf(share));
    if (!share) return undefined;
    const what = `${share.gone} metrics went missing within 7 days, ${this.#shareText(share)}`;
    return stop('TOO_MANY_GONE', `${what}: is the tree whole?`);
  }

  #tooManyDue(): Stop | undefined {
    const share = this.#shares.find((share) => share.due > this.#limitOf(share));
    return (
      share && stop('TOO_MANY_DUE', `the backups of ${share.due} metrics are due to go, ${this.#shareText(share)}`)
    );
  }

  /** All metrics count as well as the established ones, of which there may be few. */
  get #shares(): readonly Share[] {
    return [this.#all, this.#established];
  }

  #limitOf({ metrics }: Share): number {
    return Math.max(20, (metrics * this.#rules.purgeShare) / 100);
  }

  #shareText(share: Share): string {
    const which =
      share === this.#established ? ` that have ${this.#rules.retention} backups or one older than 7 days` : '';
    return `more than ${this.#rules.purgeShare} % of the store's ${share.metrics} metrics${which} (--purge-share)`;
  }

  /** How far this host's clock is ahead of the store's, in milliseconds. */
  #aheadOf(storeClock: Date | undefined): number {
    return storeClock ? this.#clock().getTime() - storeClock.getTime() : 0;
  }

  /** What is about to be done all the same. */
  outlook(): string {
    const { metrics, gone, due } = this.#all;
    return `About to purge ${due} of ${metrics} metrics; ${gone} are missing`;
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
