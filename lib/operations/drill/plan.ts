import { codeOf, reasonOf } from '../../common/errors.ts';
import { mayReach, selector } from '../../common/glob.ts';
import type { Tally } from '../../common/summary.ts';
import type { ObjectStore } from '../../store/store.ts';
import { isInPart, type Part } from '../shared/part.ts';
import { presenceOf, type SurveyEvents, type SurveyOptions, survey } from '../shared/survey.ts';

/** What there is to do, told by the listing and the live tree. */
export interface DrillPlan {
  /** Metrics of the sample that have a backup. */
  readonly metrics: number;
  /** Of their newest backups, compressed. */
  readonly bytes: number;
  /** What they will take in scratch space, about. */
  readonly space: number;
  /** The same of the whole bucket. */
  readonly whole: { readonly metrics: number; readonly bytes: number };
}

/** Every file ends somewhere in a block of the file system. */
const BLOCK = 4096;

/** A backup whose live file is gone becomes a file of about this many times its size. */
const UNPACKED = 5;

/**
 * Measures the sample and the whole, and names in the tally what of the sample is on one side only.
 *
 * @throws StoreError; the signal's reason.
 */
export async function planDrill(
  store: ObjectStore,
  options: SurveyOptions & { readonly part?: Part },
  tally: Tally,
  events: SurveyEvents,
): Promise<DrillPlan> {
  const { part } = options;
  const isSelected = selector(options);
  const isReachable = mayReach(options);
  const whole = { metrics: 0, bytes: 0 };
  const sample = { metrics: 0, bytes: 0, space: 0 };
  const everything = { ...options, metrics: '*', exclude: [] };
  for await (const item of survey(store, everything, { ...events, stat: true })) {
    events.signal?.throwIfAborted();
    if (item.kind === 'blind') {
      if (isReachable(item.order))
        tally.fail({ metric: item.file, code: codeOf(item.error), reason: reasonOf(item.error) });
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
      tally.add('neverStored');
      tally.note({ metric, code: 'NEVER_STORED', reason: 'its live file has no backup' });
    }
    if (newest && !local && (await presenceOf(item, options.prefix)) === 'missing') {
      tally.add('gone');
      tally.note({ metric, code: 'GONE', reason: 'it has backups, and no live file' });
    }
  }
  return { ...sample, whole };
}
