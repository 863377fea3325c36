import type { Count } from '../../common/codes.ts';
import type { Summary } from '../../common/summary.ts';
import type { Part } from '../shared/part.ts';
import type { DrillPlan } from './plan.ts';

export interface DrillSummary extends Summary {
  readonly drill: DrillReport;
}

/** The measurements of a drill. `--json` prints it, so its names must not change. */
export interface DrillReport {
  /** The restored part of the metrics; null for all that the globs select. */
  readonly sample: Part | null;
  /** How much of the newest data is not in the backups; null if no metric could be compared. */
  readonly rpo: Rpo | null;
  /** The newest data that was restored; null if nothing was. */
  readonly newest: Newest | null;
  readonly rto: Rto;
  /** How long a restore of the whole bucket would take at the same speed; null if nothing was restored. */
  readonly estimate: Estimate | null;
  /** The first 20 points that differ from the live file; `counts.differingPoints` counts all. */
  readonly differing: readonly DifferingPoint[];
  readonly kept?: string;
}

/**
 * Measured from points, not from the dates of backups: for each metric, the time between its newest restored point and
 * the newest point of its live file at the start of the drill.
 */
interface Rpo {
  readonly maxSeconds: number;
  readonly medianSeconds: number;
  readonly metrics: number;
  /** A metric with the maximum. */
  readonly worst: string;
}

interface Newest {
  /** Whether it is the newest point that the journal added, or the newest backup. */
  readonly from: 'journal' | 'backup';
  readonly time: string;
  /** At the start of the drill. */
  readonly ageSeconds: number;
}

interface Rto {
  readonly seconds: number;
  readonly metrics: number;
  /** Compressed. */
  readonly bytesFetched: number;
  readonly bytesRestored: number;
}

interface Estimate {
  readonly metrics: number;
  /** Compressed size of their newest backups. */
  readonly bytes: number;
  /** Assuming that the time is proportional to the number of metrics. */
  readonly secondsByMetrics: number;
  /** Assuming that the time is proportional to the size. */
  readonly secondsByBytes: number;
}

export interface DifferingPoint {
  readonly metric: string;
  /** Seconds per point of the archive. */
  readonly step: number;
  /** Unix time in seconds. */
  readonly timestamp: number;
  /** A string for values that JSON lacks: `NaN`, `Infinity`, `-Infinity`. */
  readonly live: number | string;
  readonly restored: number | string;
}

/** The result of comparing the trees, without counters. */
export interface Compared {
  readonly lags: Lags;
  readonly differing: readonly DifferingPoint[];
}

/**
 * @param began start of the drill.
 * @param restored the summary of the restore; undefined if there was none.
 */
export function reportOf(
  { part, began }: { readonly part: Part | undefined; readonly began: Date },
  { whole }: DrillPlan,
  restored?: Summary,
  { lags, differing }: Compared = { lags: new Lags(), differing: [] },
): DrillReport {
  const seconds = restored?.seconds ?? 0;
  const count = (name: Count) => restored?.counts[name] ?? 0;
  const [metrics, bytesFetched, bytesRestored] = [count('restored'), count('bytesFetched'), count('bytesRestored')];
  const estimate = {
    ...whole,
    secondsByMetrics: (seconds / metrics) * whole.metrics,
    secondsByBytes: bytesFetched === 0 ? 0 : (seconds / bytesFetched) * whole.bytes,
  };
  return {
    sample: part ?? null,
    rpo: lags.summary(),
    newest: newestOf(restored, began),
    rto: { seconds, metrics, bytesFetched, bytesRestored },
    estimate: metrics === 0 ? null : estimate,
    differing,
  };
}

function newestOf(restored: Summary | undefined, began: Date): Newest | null {
  const backup = restored?.backups?.newest;
  if (backup === undefined) return null;
  const reached = restored?.reached;
  const isJournal = reached !== undefined && reached > backup;
  const time = isJournal ? reached : backup;
  const ageSeconds = Math.max(0, Math.floor((began.getTime() - Date.parse(time)) / 1000));
  return { from: isJournal ? 'journal' : 'backup', time, ageSeconds };
}

/** Collects the lag of each metric. Stores each distinct number once, so memory stays small. */
export class Lags {
  readonly #counts = new Map<number, number>();
  #metrics = 0;
  #most = -1;
  #worst = '';

  /** @param seconds 0 or more. */
  add(metric: string, seconds: number): void {
    this.#metrics++;
    this.#counts.set(seconds, (this.#counts.get(seconds) ?? 0) + 1);
    if (seconds <= this.#most) return;
    this.#most = seconds;
    this.#worst = metric;
  }

  /** @returns null without metrics. The median of an even number of lags is the greater one in the middle. */
  summary(): Rpo | null {
    if (this.#metrics === 0) return null;
    return { maxSeconds: this.#most, medianSeconds: this.#median(), metrics: this.#metrics, worst: this.#worst };
  }

  #median(): number {
    let left = Math.floor(this.#metrics / 2);
    for (const [seconds, count] of [...this.#counts].sort(([a], [b]) => a - b)) {
      if (left < count) return seconds;
      left -= count;
    }
    return this.#most;
  }
}
