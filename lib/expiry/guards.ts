import type { StoredMetric } from '../bucket/metric.ts';
import type { StopCode } from '../common/codes.ts';
import type { Stop } from '../common/summary.ts';
import { ageOf, DAY } from './age.ts';
import type { Due, Rules } from './due.ts';

interface Share {
  metrics: number;
  gone: number;
  due: number;
}

/**
 * A metric is established if its oldest backup is older than this, or if it has as many backups as retention keeps,
 * which may all be younger.
 */
const ESTABLISHED_AFTER_MS = 7 * DAY;

/** Counts what a run would delete, and stops the purge if that is implausible. */
export class Guards {
  readonly #rules: Rules;
  readonly #now: Date;
  readonly #clock: () => Date;
  readonly #all: Share = { metrics: 0, gone: 0, due: 0 };
  /** Counted separately, because new metrics under wrong names would make the share of missing metrics look smaller. */
  readonly #established: Share = { metrics: 0, gone: 0, due: 0 };
  #locals = 0;
  #disorder: string | undefined;
  #ahead: string | undefined;

  /**
   * @param now start of the run, for the computation of ages.
   * @param clock the current time; a run may take hours.
   */
  constructor(rules: Rules, now: Date, clock: () => Date) {
    this.#rules = rules;
    this.#now = now;
    this.#clock = clock;
  }

  /** Counts a file of the local tree, including those that the run does not select. */
  local(): void {
    this.#locals++;
  }

  stored({ metric, backups }: StoredMetric, due: Due): void {
    const [oldest, newest] = [backups[0], backups.at(-1)];
    const isOld = oldest !== undefined && this.#now.getTime() - oldest.time.getTime() > ESTABLISHED_AFTER_MS;
    const isEstablished = isOld || backups.length >= this.#rules.retentionOf(metric).retention;
    for (const share of isEstablished ? [this.#all, this.#established] : [this.#all]) {
      if (newest) share.metrics++;
      const { since, isNew, isDue } = due.absence;
      if (isNew || (since && ageOf(since, this.#now) <= 7 * DAY)) share.gone++;
      if (isDue) share.due++;
    }
    if (newest && newest.time.getTime() - this.#clock().getTime() > 3_600_000) this.#ahead ??= metric;
  }

  disorder(previous: string, key: string): void {
    this.#disorder ??= `${JSON.stringify(key)} came after ${JSON.stringify(previous)}`;
  }

  /**
   * Returns why purge must stop, or undefined.
   *
   * @param storeClock the current time of the store, if it reports its clock.
   */
  purgeStop(storeClock: Date | undefined): Stop | undefined {
    if (this.#disorder !== undefined)
      return stop('DISORDER', `a listing was not in ascending order, so it may be incomplete: ${this.#disorder}`);
    if (this.#locals === 0) return stop('TREE_EMPTY', 'the local tree has no Whisper files (check that it is mounted)');
    const tooMany = this.#tooManyGone() ?? this.#tooManyDue();
    if (tooMany) return tooMany;
    const ahead = this.#aheadOf(storeClock);
    return Math.abs(ahead) > CLOCK_OFF ? clockOff(ahead) : this.retentionStop(storeClock);
  }

  /**
   * Returns why retention must stop too, or undefined. If this host's clock is ahead, young backups look old.
   *
   * @param storeClock as for `purgeStop`.
   */
  retentionStop(storeClock: Date | undefined): Stop | undefined {
    const ahead = this.#aheadOf(storeClock);
    if (ahead > CLOCK_OFF) return clockOff(ahead);
    if (this.#ahead === undefined) return undefined;
    return stop(
      'BACKUP_AHEAD',
      `the newest backup of ${this.#ahead} is dated over an hour ahead of this host's clock (check the clock)`,
    );
  }

  #tooManyGone(): Stop | undefined {
    const share = this.#shares.find((share) => share.gone > this.#limitOf(share));
    if (!share) return undefined;
    const what = `${share.gone} metrics went missing within 7 days, ${this.#shareText(share)}`;
    return stop('TOO_MANY_GONE', `${what} (check that the whole tree is mounted)`);
  }

  #tooManyDue(): Stop | undefined {
    const share = this.#shares.find((share) => share.due > this.#limitOf(share));
    return (
      share &&
      stop('TOO_MANY_DUE', `the backups of ${share.due} metrics are due for deletion, ${this.#shareText(share)}`)
    );
  }

  /** Both are checked, because there may be few established metrics. */
  get #shares(): readonly Share[] {
    return [this.#all, this.#established];
  }

  #limitOf({ metrics }: Share): number {
    return Math.max(20, (metrics * this.#rules.purgeShare) / 100);
  }

  #shareText(share: Share): string {
    const which =
      share === this.#established ? ' that have as many backups as retention keeps, or one older than 7 days' : '';
    return `more than ${this.#rules.purgeShare} % of the store's ${share.metrics} metrics${which} (--purge-share)`;
  }

  /** Returns how far this host's clock is ahead of the store's, in milliseconds. */
  #aheadOf(storeClock: Date | undefined): number {
    return storeClock ? this.#clock().getTime() - storeClock.getTime() : 0;
  }

  /** Describes the purge that `--force` continues. */
  outlook(): string {
    const { metrics, gone, due } = this.#all;
    return `About to purge ${due} of ${metrics} metrics; ${gone} are missing`;
  }
}

/** If the clocks of this host and the store differ by more milliseconds than this, nothing is deleted. */
export const CLOCK_OFF = 300_000;

function clockOff(ahead: number): Stop {
  const seconds = Math.round(Math.abs(ahead) / 1000);
  return stop('CLOCK_OFF', `this host's clock and the store's differ by ${seconds} s (set the clock)`);
}

function stop(code: StopCode, message: string): Stop {
  return { code, message };
}
