import type { Backup } from '../../bucket/metric.ts';
import type { FailCode, SkipCode } from '../../common/codes.ts';
import type { Named } from '../../common/summary.ts';
import type { Changes } from '../../whisper/changes.ts';
import type { Succeeded } from '../../workers/tasks/publish-task.ts';
import type { Replayed } from '../../workers/tasks/replay-lines.ts';
import type { WindowResult } from '../../workers/tasks/window-result.ts';

/** Why a metric was not restored: also that it has no backup before the date. */
export type LeftCode = FailCode | SkipCode | 'NO_BACKUP';

/** What became of one metric. In a dry run: what would become of it. */
export type MetricOutcome = Pick<Named, 'metric' | 'target'> & (Restored | Left);

export interface Restored {
  readonly outcome: 'created' | 'replaced' | 'filled' | 'unchanged';
  readonly backup: Backup;
  /** Set if points of the journal were applied. */
  readonly replayed?: Replayed;
  /** Absent if nothing changed, or the points cannot be read. */
  readonly changes?: Changes;
  /** Set if a window was restored. */
  readonly window?: WindowResult;
}

export interface Left {
  readonly outcome: 'failed' | 'skipped' | 'noBackup';
  readonly code: LeftCode;
  readonly reason: string;
}

/** Receives the outcome of each metric as soon as it is known. */
export interface RestoreWatcher {
  /** Metrics with more changed points get a plot. Read for each batch. */
  readonly plotAbove: number;
  /** The restore waits for it. A metric comes twice if another process undid its restore in the end: then as failed. */
  add(outcomes: readonly MetricOutcome[]): Promise<void> | void;
}

/** Counts why metrics were not restored, and passes all outcomes to the watcher, if there is one. */
export class Outcomes {
  readonly #watcher: RestoreWatcher | undefined;
  readonly #left = new Map<LeftCode, number>();
  #pending: MetricOutcome[] = [];

  constructor(watcher: RestoreWatcher | undefined) {
    this.#watcher = watcher;
  }

  restored(names: Pick<Named, 'metric' | 'target'>, backup: Backup, result: Succeeded): void {
    if (!this.#watcher) return;
    const { changes, replayed, window } = result;
    const used = { backup, ...(replayed && { replayed }), ...(changes && { changes }), ...(window && { window }) };
    this.#pending.push({ ...names, outcome: outcomeOf(result), ...used });
  }

  left(outcome: Left['outcome'], { metric, target, code, reason }: Named<LeftCode>): void {
    this.#left.set(code, (this.#left.get(code) ?? 0) + 1);
    if (!this.#watcher) return;
    this.#pending.push({ metric, ...(target !== undefined && { target }), outcome, code, reason });
  }

  /** Passes on what came since the last call. */
  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const pending = this.#pending;
    this.#pending = [];
    await this.#watcher?.add(pending);
  }

  /** How many metrics were not restored, by code; undefined if all were. */
  get notRestored(): Readonly<Record<string, number>> | undefined {
    return this.#left.size === 0 ? undefined : Object.fromEntries(this.#left);
  }
}

function outcomeOf(result: Succeeded): Restored['outcome'] {
  if (result.outcome === 'unchanged') return 'unchanged';
  if (result.outcome === 'backfilled') return 'filled';
  return result.isReplaced ? 'replaced' : 'created';
}
