import type { Config } from '../../../config/schema.ts';
import { readRunFiles } from '../../../lib/monitoring/host-records.ts';

/**
 * Estimates the metrics of a run from the newest full backup on record. Never throws.
 *
 * @returns undefined if there is no record, or the run selects metrics.
 */
export async function expectedMetrics({
  metrics,
  stateDir,
}: Pick<Config, 'metrics' | 'stateDir'>): Promise<number | undefined> {
  if (metrics !== '*') return undefined;
  try {
    for await (const { command, partial = [], summary } of readRunFiles(stateDir, new Date(), () => {})) {
      if (command === 'backup' && partial.length === 0 && summary !== undefined) return summary.counts['metrics'];
    }
  } catch {
    // Progress works without an estimate.
  }
  return undefined;
}
