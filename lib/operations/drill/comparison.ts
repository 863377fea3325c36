import { ByteBudget } from '../../common/byte-budget.ts';
import { codeOf, reasonOf } from '../../common/errors.ts';
import { each } from '../../common/pages.ts';
import { type LocalFile, walk } from '../../tree/walk.ts';
import { WorkerPool } from '../../workers/pool.ts';
import type { PointComparison } from '../../workers/tasks/compare-points.ts';
import type { Run } from '../shared/run.ts';
import { Visits } from '../shared/visits.ts';
import type { DrillOptions } from './drill.ts';
import { type Compared, type DifferingPoint, Lags } from './report.ts';

/** How many differing points the report contains. */
const MAX_POINTS = 20;

/** Compares each restored file with the live one. */
export async function compareTrees(run: Run<DrillOptions>, restored: string): Promise<Compared> {
  const { bytesInFlight, fileLockTimeout, flock, prefix, signal } = run.options;
  const budget = new ByteBudget(bytesInFlight);
  const lags = new Lags();
  const differing: DifferingPoint[] = [];
  const until = Math.floor(run.began.getTime() / 1000);
  const pool = new WorkerPool(run.options);
  const visits = new Visits(run, { phase: 'Comparing', concurrency: pool.concurrency, total: run.get('restored') });
  try {
    const files = visits.untilStopped(filesOf(restored, signal));
    for await (const { metric, found } of visits.each(files, compare)) {
      count(metric, found);
      visits.advance();
    }
  } finally {
    await pool.close();
  }
  run.throwIfStopped();
  return { lags, differing };

  async function compare({ metric, path, file, stat }: LocalFile): Promise<{ metric: string; found: PointComparison }> {
    try {
      const live = `${prefix}/${path}.wsp`;
      const task = { live, restored: file, until, flock, fileLockTimeout };
      // Both files are in memory, usually with the same size.
      return { metric, found: await budget.run(2 * (stat?.size ?? 0), () => pool.run('comparePoints', task)) };
    } catch (error) {
      return { metric, found: { outcome: 'failed', code: codeOf(error), reason: reasonOf(error) } };
    }
  }

  function count(metric: string, found: PointComparison): void {
    if (found.outcome === 'compared') {
      if (found.lag !== undefined) lags.add(metric, found.lag);
      run.add(found.differing === 0 ? 'same' : 'differing');
      run.add('differingPoints', found.differing);
      for (const { step, timestamp, value, restored } of found.examples) {
        if (differing.length === MAX_POINTS) break;
        differing.push({ metric, step, timestamp, live: plain(value), restored: plain(restored) });
      }
    } else if (found.outcome === 'failed') {
      run.fail({ metric, code: found.code, reason: found.reason });
    } else if (found.code !== 'VANISHED') {
      // The plan has already noted missing metrics.
      run.skip({ metric, code: found.code, reason: found.reason });
    }
  }
}

async function* filesOf(prefix: string, signal: AbortSignal): AsyncGenerator<LocalFile> {
  for await (const item of each(walk(prefix, { stat: true, signal }), signal)) {
    // A blind spot is an error here, because the restore has just created this tree.
    if (item.kind === 'file') yield item;
    else throw item.error;
  }
}

function plain(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}
