import type { Count, DamageCode, FailCode, NoteCode, SkipCode, StopCode } from './codes.ts';
import { formatTimestamp } from './timestamp.ts';

/** A metric, file or key that a run reports. */
export interface Named<Code extends string = string> {
  /** The metric's dotted name; a path or key where there is no metric. */
  readonly metric: string;
  /** Stable, e.g. `LOCK_TIMEOUT`. */
  readonly code: Code;
  /** For people. */
  readonly reason: string;
}

/** What could not be done for a metric. */
export interface Failed extends Named<FailCode> {
  /** The backup, where it is at fault and not the way to it or the local file. */
  readonly backup?: Pick<Damaged, 'key' | 'instead'>;
}

/** A backup, or a part of one, that no restore can use. */
export interface Damaged extends Named<DamageCode> {
  /** Of the object that is damaged; for a pair that of its data, if it has some. */
  readonly key: string;
  /** What a restore would use instead: the next older backup, and whether it was read and found sound; null is nothing. */
  readonly instead: { readonly key: string; readonly read: boolean } | null;
  /** Where it was moved, if it was. */
  readonly movedTo?: string;
  /** Keys that were deleted, if any, because their objects are gone though they are listed. */
  readonly removed?: readonly string[];
}

/** Why something was stopped. */
export interface Stop {
  readonly code: StopCode;
  readonly message: string;
}

/** What a run did. It is what `--json` prints, so its names are a contract. */
export interface Summary {
  readonly command: 'backup' | 'restore' | 'purge' | 'fill' | 'verify' | 'drill';
  /** The store's name, e.g. `disk:/srv/backups`. */
  readonly store: string;
  readonly started: string;
  readonly seconds: number;
  readonly dryRun: boolean;
  /** Figures by name; each command documents its own. */
  readonly counts: Readonly<Partial<Record<Count, number>>>;
  /** Each that failed; at most 10,000 are named, `counts.failed` tells all. */
  readonly failed: readonly Failed[];
  /** Each that was skipped; bounded likewise. */
  readonly skipped: readonly Named<SkipCode>[];
  /** Things worth knowing that are neither: shrunk metrics, ignored keys, lone checksums; bounded likewise. */
  readonly notes: readonly Named<NoteCode>[];
  /** Each backup that `verify` or a drill found damaged; bounded likewise, `counts.damaged` tells all. */
  readonly damaged?: readonly Damaged[];
  /** The times of the oldest and the newest backup that a restore has used; absent when it used none. */
  readonly backups?: { readonly oldest: string; readonly newest: string };
  /** Why a guard stopped retention or purge; absent when none did. */
  readonly stopped?: Stop;
}

/** How many are named in each list of a summary; counts go on. */
const NAMED_AT_MOST = 10_000;

/** Collects a summary while a run goes on. */
export class Tally {
  readonly #started = new Date();
  readonly #counts = new Map<Count, number>();
  readonly #failed: Failed[] = [];
  readonly #skipped: Named<SkipCode>[] = [];
  readonly #notes: Named<NoteCode>[] = [];
  readonly #damaged: Damaged[] = [];
  #stopped: Stop | undefined;
  #begun = false;
  #used: { readonly oldest: Date; readonly newest: Date } | undefined;

  /** @param counts the figures that are printed even when they stay 0. */
  constructor(counts: readonly Count[]) {
    for (const name of counts) this.#counts.set(name, 0);
  }

  add(count: Count, by = 1): void {
    this.#counts.set(count, (this.#counts.get(count) ?? 0) + by);
  }

  get(count: Count): number {
    return this.#counts.get(count) ?? 0;
  }

  fail(named: Failed): void {
    this.add('failed');
    if (this.#failed.length < NAMED_AT_MOST) this.#failed.push(named);
  }

  skip(named: Named<SkipCode>): void {
    this.add('skipped');
    if (this.#skipped.length < NAMED_AT_MOST) this.#skipped.push(named);
  }

  note(named: Named<NoteCode>): void {
    if (this.#notes.length < NAMED_AT_MOST) this.#notes.push(named);
  }

  damage(damaged: Damaged): void {
    this.add('damaged');
    if (this.#damaged.length < NAMED_AT_MOST) this.#damaged.push(damaged);
  }

  /** Records that the store is open: from now on there is something to tell, though it may be that nothing was done. */
  begin(): void {
    this.#begun = true;
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** Records that a backup of this time was used. */
  use(time: Date): void {
    const { oldest, newest } = this.#used ?? { oldest: time, newest: time };
    this.#used = { oldest: oldest < time ? oldest : time, newest: newest > time ? newest : time };
  }

  /** Records why a guard stopped something; the first reason stands. */
  stop(code: StopCode, message: string): void {
    this.#stopped ??= { code, message };
  }

  get stopped(): boolean {
    return this.#stopped !== undefined;
  }

  finish(about: { command: Summary['command']; store: string; dryRun: boolean }): Summary {
    return {
      ...about,
      started: this.#started.toISOString(),
      seconds: (Date.now() - this.#started.getTime()) / 1000,
      counts: Object.fromEntries(this.#counts),
      failed: this.#failed,
      skipped: this.#skipped,
      notes: this.#notes,
      ...((about.command === 'verify' || about.command === 'drill') && { damaged: this.#damaged }),
      ...(this.#used && {
        backups: { oldest: formatTimestamp(this.#used.oldest), newest: formatTimestamp(this.#used.newest) },
      }),
      ...(this.#stopped ? { stopped: this.#stopped } : {}),
    };
  }
}
