import { stat } from 'node:fs/promises';
import { type Backup, sha1Of } from '../../bucket/metric.ts';
import { isKnownSame } from '../../bucket/same-content.ts';
import type { WithDefaults } from '../../common/defaults.ts';
import { codeOf, type ErrorCode, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import type { TreeOptions } from '../../common/options.ts';
import type { Tally } from '../../common/summary.ts';
import { StoreError } from '../../store/errors.ts';
import { presenceOf, type Surveyed } from '../shared/survey.ts';
import type { ReadingContext } from './reading.ts';

/** The result of comparing a local file with its newest backup. */
type Comparison =
  /** `changed`: the local file has changed since. `gone`: there is no local file. `neverStored`: there is no backup. */
  | { readonly outcome: 'same' | 'changed' | 'gone' | 'neverStored' | 'unknown' }
  | { readonly outcome: 'skipped' | 'failed'; readonly code: ErrorCode; readonly reason: string };

interface ComparisonContext extends Pick<ReadingContext, 'store' | 'pool' | 'budget' | 'signal'> {
  readonly tree: WithDefaults<TreeOptions>;
}

/** Compares a metric's local file with its newest backup, by SHA-1. */
export async function compareFile(
  surveyed: Surveyed,
  newest: Backup | undefined,
  { tree, store, pool, budget, signal }: ComparisonContext,
): Promise<Comparison> {
  const { local } = surveyed;
  if (!local) {
    const isMissing = (await presenceOf(surveyed, tree.prefix)) === 'missing';
    return { outcome: isMissing ? 'gone' : 'unknown' };
  }
  if (!newest) return { outcome: 'neverStored' };
  const size = await stat(local.file).then(
    ({ size }) => size,
    () => 0,
  );
  const { flock, fileLockTimeout } = tree;
  const found = await budget.run(size, () => pool.run('fingerprint', { file: local.file, flock, fileLockTimeout }));
  signal.throwIfAborted();
  if (found.outcome !== 'read') return found;
  if (isKnownSame(found.sha1, newest)) return { outcome: 'same' };
  try {
    return { outcome: (await sha1Of(newest, store, signal)) === found.sha1 ? 'same' : 'changed' };
  } catch (error) {
    signal.throwIfAborted();
    const code = codeOf(error);
    const isUnreadable = error instanceof StoreError && code !== 'NOT_FOUND' && code !== 'TOO_LARGE';
    if (isUnreadable || !(error instanceof WhisperBackupError)) {
      return { outcome: 'failed', code, reason: reasonOf(error) };
    }
    return { outcome: 'unknown' };
  }
}

/** Counts a comparison, and notes metrics that exist on one side only. Changed files are normal on a live host. */
export function countComparison(metric: string, comparison: Comparison, tally: Tally): void {
  const { outcome } = comparison;
  if (outcome === 'failed') tally.fail({ metric, code: comparison.code, reason: comparison.reason });
  else if (outcome === 'skipped') tally.skip({ metric, code: comparison.code, reason: comparison.reason });
  else tally.add(outcome);
  if (outcome === 'gone') tally.note({ metric, code: 'GONE', reason: 'it has backups, but no local file' });
  if (outcome === 'neverStored') tally.note({ metric, code: 'NEVER_STORED', reason: 'its local file has no backup' });
}
