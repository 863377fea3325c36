import type { Config } from '../../../config/schema.ts';
import { readRunFiles } from '../../../lib/monitoring/host-records.ts';

/**
 * How many metrics a run over everything will meet: as many as the newest full backup on record here.
 *
 * @returns undefined when that is not known, or when only some metrics were asked for. It never throws.
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
    // The progress is shown without it.
  }
  return undefined;
}
