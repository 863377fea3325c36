import type { Backup } from '../../bucket/metric.ts';
import type { Mark } from '../../journal/marks.ts';
import { CLOCK_TOLERANCE_MS } from '../../statcache/entry.ts';

/**
 * The runs that restores of newest backups need: those from a backup on up to the last one with points of its metric,
 * unless the file has not changed since the backup.
 */
export class NeededRuns {
  /** Time of the oldest backup that needs a run, by the time of the run. Unix time in milliseconds. */
  readonly #oldest = new Map<number, number>();

  /** @param newest the newest backup of a metric. @param mark how far the journal has read its file. */
  add(newest: Backup, { run, ctimeMs }: Mark): void {
    const [backup, last] = [newest.time.getTime(), run * 1000];
    if (last < backup || ctimeMs < backup - CLOCK_TOLERANCE_MS) return;
    this.#oldest.set(last, Math.min(backup, this.#oldest.get(last) ?? backup));
  }

  /** The spans of time of the needed runs, in order. None overlap. */
  get spans(): readonly (readonly [Date, Date])[] {
    const spans: [number, number][] = [];
    for (const [last, backup] of [...this.#oldest].sort(([, a], [, b]) => a - b)) {
      const before = spans.at(-1);
      if (before && backup <= before[1]) before[1] = Math.max(before[1], last);
      else spans.push([backup, last]);
    }
    return spans.map(([from, until]) => [new Date(from), new Date(until)]);
  }

  has(time: Date): boolean {
    const run = time.getTime();
    for (const [last, backup] of this.#oldest) if (backup <= run && run <= last) return true;
    return false;
  }
}
