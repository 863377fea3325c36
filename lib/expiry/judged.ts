import type { Backup, StoredMetric } from '../bucket/metric.ts';
import { formatTimestamp } from '../common/timestamp.ts';
import type { Due, Rules } from './due.ts';

/** What a run would do with a backup, and why. Times as in keys. */
export interface JudgedBackup {
  readonly metric: string;
  readonly key: string;
  readonly date: string;
  /** The rule that keeps it, such as `retention` or `keep-monthly 2026-10`; absent if it goes. */
  readonly keptBy?: string;
  /** Absent if it stays. */
  readonly deletedBecause?: string;
}

export interface JudgedOptions {
  /** Called in a dry run with the backups of each metric. A guard may still prevent all deletion. */
  readonly onJudged?: (backups: readonly JudgedBackup[]) => void | Promise<void>;
}

/** Returns the backups of a metric as kept by one rule. */
export function judgeKept({ metric, backups, replaced }: StoredMetric, keptBy: string): JudgedBackup[] {
  return [...backups, ...replaced].map((backup) => ({ ...about(metric, backup), keptBy }));
}

export function judge({ metric, backups, replaced }: StoredMetric, due: Due, { expire }: Rules): JudgedBackup[] {
  const { isDue, since } = due.absence;
  const missing = since ? `missing since ${formatTimestamp(since.time)}` : 'missing';
  return [...backups, ...replaced].map((backup) => {
    const hold = due.held.get(backup);
    const held = hold === undefined ? undefined : `hold ${hold}`;
    const keptBy = isDue ? held : expire ? (due.retention.kept.get(backup) ?? held) : 'purge';
    if (keptBy !== undefined) return { ...about(metric, backup), keptBy };
    return { ...about(metric, backup), deletedBecause: isDue ? missing : 'no rule keeps it' };
  });
}

function about(metric: string, { time, object }: Backup): Pick<JudgedBackup, 'metric' | 'key' | 'date'> {
  return { metric, key: object.key, date: formatTimestamp(time) };
}
