import { mayReach, selector } from '../../common/glob.ts';
import { each } from '../../common/pages.ts';
import { isInPart } from '../shared/part.ts';
import type { Run } from '../shared/run.ts';
import { presenceOf, survey } from '../shared/survey.ts';
import type { DrillOptions } from './drill.ts';

export interface DrillPlan {
  /** Metrics of the sample that have a backup. */
  readonly metrics: number;
  /** Compressed size of their newest backups. */
  readonly bytes: number;
  /** Estimated space that they need in the scratch tree. */
  readonly space: number;
  /** The same for the whole bucket. */
  readonly whole: { readonly metrics: number; readonly bytes: number };
}

/** Block size of the file system: the last block of each file is partly empty. */
const BLOCK = 4096;

/** Estimated ratio of a file to its backup, for metrics without a live file. */
const UNPACKED = 5;

/**
 * Measures the sample and the whole bucket, and notes metrics of the sample that exist on one side only.
 *
 * @param onTemporary called with each temporary file of the live tree.
 * @throws StoreError
 */
export async function planDrill(run: Run<DrillOptions>, onTemporary: (path: string) => void): Promise<DrillPlan> {
  const { options, store } = run;
  const { part, signal } = options;
  const { onDisorder } = run.events;
  const isSelected = selector(options);
  const isReachable = mayReach(options);
  const whole = { metrics: 0, bytes: 0 };
  const sample = { metrics: 0, bytes: 0, space: 0 };
  const everything = { ...options, metrics: '*', exclude: [] };
  const pages = survey(store, everything, { onTemporary, onDisorder, stat: true, signal });
  for await (const item of each(pages, signal)) {
    if (item.kind === 'blind') {
      if (isReachable(item.order)) run.failBlind(item);
      continue;
    }
    const { metric, stored, local } = item;
    const newest = stored?.backups.at(-1);
    if (newest) {
      whole.metrics++;
      whole.bytes += newest.object.size;
    }
    if (!isSelected(metric) || (part && !isInPart(metric, part))) continue;
    if (newest) {
      sample.metrics++;
      sample.bytes += newest.object.size;
      sample.space += (local?.stat?.size ?? UNPACKED * newest.object.size) + BLOCK;
    }
    if (local && !newest) {
      run.add('neverStored');
      run.note({ metric, code: 'NEVER_STORED', reason: 'its live file has no backup' });
    }
    if (newest && !local && (await presenceOf(item, options.prefix)) === 'missing') {
      run.add('gone');
      run.note({ metric, code: 'GONE', reason: 'it has backups, but no live file' });
    }
  }
  return { ...sample, whole };
}
