import type { Config } from '../config/schema.ts';
import { readRunFiles } from './host/runfiles.ts';

/** So many are looked at. */
const BACKUPS = 5;

/**
 * How many metrics a run over everything will meet: the most that one of the newest backups on record here met, since a
 * single one may have been of some metrics only.
 *
 * @returns undefined when that is not known, or when only some metrics were asked for. It never throws.
 */
export async function expectedMetrics({
  metrics,
  exclude,
  stateDir,
}: Pick<Config, 'metrics' | 'exclude' | 'stateDir'>): Promise<number | undefined> {
  if (metrics !== '*' || exclude.length > 0) return undefined;
  try {
    let backups = 0;
    let most = 0;
    for await (const { command, summary } of readRunFiles(stateDir, () => {})) {
      if (command !== 'backup') continue;
      most = Math.max(most, summary?.counts['metrics'] ?? 0);
      if (++backups === BACKUPS) break;
    }
    return most > 0 ? most : undefined;
  } catch {
    // The progress is shown without it.
    return undefined;
  }
}
