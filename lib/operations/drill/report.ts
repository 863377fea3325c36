import type { Count } from '../../common/codes.ts';
import type { Summary } from '../../common/summary.ts';
import type { Part } from '../shared/part.ts';
import type { DrillPlan } from './plan.ts';

/** The summary of a drill. */
export interface DrillSummary extends Summary {
  readonly drill: DrillReport;
}

/** What a drill measured. It is part of what `--json` prints, so its names are a contract. */
export interface DrillReport {
  /** The part of the metrics that was restored; null: all that the globs select. */
  readonly sample: Part | null;
  /** How much of the newest data a restore would lack; null if no metric could be compared. */
  readonly rpo: Rpo | null;
  /** How long the restore of the sample took. */
  readonly rto: Rto;
  /** How long a restore of the whole bucket would take at the same pace; null if nothing was restored. */
  readonly estimate: Estimate | null;
  /** The first 20 points that differ from the live file; `counts.differingPoints` counts all. */
  readonly differing: readonly DifferingPoint[];
  /** The restored tree, if it was kept. */
  readonly kept?: string;
}

/**
 * Measured from points, not from the dates of backups: for each metric, the time from the newest point that was restored
 * to the newest point that the live file had when the drill began.
 */
interface Rpo {
  readonly maxSeconds: number;
  readonly medianSeconds: number;
  /** Metrics it was measured on. */
  readonly metrics: number;
  /** A metric that lost the most. */
  readonly worst: string;
}

interface Rto {
  readonly seconds: number;
  readonly metrics: number;
  /** Fetched from the store, compressed. */
  readonly bytesFetched: number;
  readonly bytesRestored: number;
}

interface Estimate {
  /** Metrics with a backup in the bucket. */
  readonly metrics: number;
  /** Of their newest backups, compressed. */
  readonly bytes: number;
  /** If the time depends on the number of metrics. */
  readonly secondsByMetrics: number;
  /** If the time depends on their size. */
  readonly secondsByBytes: number;
}

export interface DifferingPoint {
  readonly metric: string;
  /** Seconds between two points of the archive it is in. */
  readonly step: number;
  /** In seconds since the epoch. */
  readonly timestamp: number;
  /** As text where JSON has no number: `NaN`, `Infinity`, `-Infinity`. */
  readonly live: number | string;
  readonly restored: number | string;
}

/** What the comparison of the trees has found, besides counters. */
export interface Compared {
  readonly lags: Lags;
  readonly differing: readonly DifferingPoint[];
}

/** @param restored the summary of the restore. @default there was no restore */
export function reportOf(
  part: Part | undefined,
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
    rto: { seconds, metrics, bytesFetched, bytesRestored },
    estimate: metrics === 0 ? null : estimate,
    differing,
  };
}

/** Collects how many seconds metrics lag behind. Holds each distinct number once, so memory stays small. */
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

  /** @returns null without metrics. The median of an even number is the greater of the two in the middle. */
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
