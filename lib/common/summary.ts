import type { Count, DamageCode, FailCode, NoteCode, SkipCode, StopCode } from './codes.ts';
import { formatTimestamp } from './timestamp.ts';

/** A metric, file or key that a run reports. */
export interface Named<Code extends string = string> {
  /** The dotted name of the metric; a path or key if there is no metric. */
  readonly metric: string;
  /** The name under which a restore would write it, if that is another. */
  readonly target?: string;
  /** Stable, e.g. `LOCK_TIMEOUT`. */
  readonly code: Code;
  readonly reason: string;
}

export interface Failed extends Named<FailCode> {
  /** Only if the backup itself is damaged, not after an error of the store or the local file. */
  readonly backup?: Pick<Damaged, 'key' | 'instead'>;
}

/** A damaged backup, which no restore can use. */
export interface Damaged extends Named<DamageCode> {
  /** Key of the damaged object; for a pair that of its data, if it exists. */
  readonly key: string;
  /** The next older backup, which a restore would use instead, and whether it was read and is sound; null if none. */
  readonly instead: { readonly key: string; readonly read: boolean } | null;
  /** The new key, if the object was moved. */
  readonly movedTo?: string;
  /** Deleted keys, if any, that were listed although their objects do not exist. */
  readonly removed?: readonly string[];
}

/** A metric that was restored under another name. */
export interface Renamed {
  readonly metric: string;
  readonly target: string;
  /** In a dry run: what would be done. */
  readonly outcome: 'restored' | 'backfilled' | 'unchanged';
}

/** What the restore of a window changed in one metric, or would change: numbers of slots, in all archives. */
export interface WindowRecord {
  readonly metric: string;
  readonly target?: string;
  /** Slots that had no point and got one. */
  readonly filled: number;
  readonly replaced: number;
  readonly erased: number;
  /** Points inside the window that the backup does not have. */
  readonly kept: number;
  /** Coarse slots that may have a value made from points of the window; at most 100. `archive` 0 is the finest. */
  readonly left: readonly { readonly archive: number; readonly secondsPerPoint: number; readonly time: string }[];
}

/** Why something was stopped. */
export interface Stop {
  readonly code: StopCode;
  readonly message: string;
}

/** The result of a run. `--json` prints it, so its names must not change. */
export interface Summary {
  readonly command: 'backup' | 'journal' | 'restore' | 'purge' | 'prune' | 'fill' | 'verify' | 'drill';
  readonly store: string;
  readonly started: string;
  readonly seconds: number;
  readonly dryRun: boolean;
  readonly counts: Readonly<Partial<Record<Count, number>>>;
  /** At most 10,000; `counts.failed` includes all. */
  readonly failed: readonly Failed[];
  /** At most 10,000; `counts.skipped` includes all. */
  readonly skipped: readonly Named<SkipCode>[];
  /** Other observations: shrunk metrics, ignored keys, lone checksums. At most 10,000. */
  readonly notes: readonly Named<NoteCode>[];
  /** Damaged backups that `verify` or a drill found. At most 10,000; `counts.damaged` includes all. */
  readonly damaged?: readonly Damaged[];
  /** Metrics restored under another name. At most 10,000; `counts.renamed` includes all. */
  readonly renamed?: readonly Renamed[];
  /** Metrics with points inside the restored window. At most 10,000; the counts include all. */
  readonly windows?: readonly WindowRecord[];
  /** The times of the oldest and the newest backup that a restore has used; absent if it used none. */
  readonly backups?: { readonly oldest: string; readonly newest: string };
  /** The journal run that was stored; absent if there was nothing to store. Times as in keys. */
  readonly journal?: { readonly from: string; readonly until: string; readonly parts: number };
  /** The time of the newest point that a restore took from the journal; absent if it took none. */
  readonly reached?: string;
  /** The hold that keeps the state before a restore that overwrites; absent if nothing was replaced. */
  readonly hold?: string;
  /** Why a guard stopped retention or purge; absent if none did. */
  readonly stopped?: Stop;
}

const MAX_NAMED = 10_000;

export class Tally {
  readonly #started = new Date();
  readonly #counts = new Map<Count, number>();
  readonly #failed: Failed[] = [];
  readonly #skipped: Named<SkipCode>[] = [];
  readonly #notes: Named<NoteCode>[] = [];
  readonly #damaged: Damaged[] = [];
  readonly #renamed: Renamed[] = [];
  readonly #windows: WindowRecord[] = [];
  #stopped: Stop | undefined;
  #begun = false;
  #reached: Date | undefined;
  #used: { readonly oldest: Date; readonly newest: Date } | undefined;

  /** @param counts the counters that are printed even if they are 0. */
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
    if (this.#failed.length < MAX_NAMED) this.#failed.push(named);
  }

  skip(named: Named<SkipCode>): void {
    this.add('skipped');
    if (this.#skipped.length < MAX_NAMED) this.#skipped.push(named);
  }

  note(named: Named<NoteCode>): void {
    if (this.#notes.length < MAX_NAMED) this.#notes.push(named);
  }

  damage(damaged: Damaged): void {
    this.add('damaged');
    if (this.#damaged.length < MAX_NAMED) this.#damaged.push(damaged);
  }

  rename(renamed: Renamed): void {
    this.add('renamed');
    if (this.#renamed.length < MAX_NAMED) this.#renamed.push(renamed);
  }

  window(record: WindowRecord): void {
    if (this.#windows.length < MAX_NAMED) this.#windows.push(record);
  }

  /** Records that the store is open. From now on there is a summary, even if nothing is done. */
  begin(): void {
    this.#begun = true;
  }

  get begun(): boolean {
    return this.#begun;
  }

  use(time: Date): void {
    const { oldest, newest } = this.#used ?? { oldest: time, newest: time };
    this.#used = { oldest: oldest < time ? oldest : time, newest: newest > time ? newest : time };
  }

  /** Records the time of a point from the journal. */
  reach(time: Date): void {
    if (!this.#reached || time > this.#reached) this.#reached = time;
  }

  /** Records why a guard stopped the run. Later calls are ignored. */
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
      ...(this.#renamed.length > 0 && { renamed: this.#renamed }),
      ...(this.#windows.length > 0 && { windows: this.#windows }),
      ...(this.#used && {
        backups: { oldest: formatTimestamp(this.#used.oldest), newest: formatTimestamp(this.#used.newest) },
      }),
      ...(this.#reached && { reached: formatTimestamp(this.#reached) }),
      ...(this.#stopped ? { stopped: this.#stopped } : {}),
    };
  }
}
