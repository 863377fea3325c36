import { basename, dirname } from 'node:path';
import { InvalidOptionError } from '../../common/errors.ts';
import type { PlaceOptions, SelectOptions, TreeOptions } from '../../common/options.ts';
import type { Summary } from '../../common/summary.ts';
import type { ObjectStore } from '../../store/store.ts';
import { checkPrefix } from '../../tree/presence.ts';
import type { LoadOptions } from '../../workers/pool.ts';
import { restore } from '../restore/restore.ts';
import { hintForBucket, selectionText } from '../shared/nothing-hint.ts';
import { checkNoOverlap } from '../shared/overlap.ts';
import type { Part } from '../shared/part.ts';
import { type OperationOptions, Run } from '../shared/run.ts';
import { compareTrees } from './comparison.ts';
import { type DrillPlan, planDrill } from './plan.ts';
import { type DrillSummary, reportOf } from './report.ts';
import { checkSpace, makeScratchTree, type ScratchTree } from './scratch-tree.ts';

export interface DrillOptions extends OperationOptions, SelectOptions, PlaceOptions, TreeOptions, LoadOptions {
  /** An empty directory outside the tree; created if it is missing. */
  readonly scratch: string;
  /** Restore only this part of the metrics. @default all */
  readonly part?: Part;
  /** Also restore backups of damaged files. @default false */
  readonly includeDamaged?: boolean;
  /** Apply the points of the journal, as a restore does. @default true */
  readonly journal?: boolean;
  /** Keep the restored tree. @default false */
  readonly keep?: boolean;
}

/**
 * Rehearses the loss of a host: restores a sample of the bucket to scratch space, compares it with the live tree point
 * by point, and measures how long the restore took and which points are missing. Does not change the live tree, and
 * empties the scratch space at the end.
 *
 * `counts.damaged` and `counts.differing` are 0 if host and bucket are sound.
 *
 * @throws InvalidOptionError if the scratch directory is inside the live tree or not empty.
 * @throws StoreError if the bucket cannot be used.
 * @throws WhisperBackupError `SCRATCH`, `NO_SPACE`, `TREE_MISSING`, `NO_LOCKS`
 */
export async function drill(store: ObjectStore, given: DrillOptions): Promise<DrillSummary> {
  const run = new Run('drill', store, given);
  const { options } = run;
  const { dryRun, keep = false, part, prefix, scratch, signal } = options;
  return run.summarize(async () => {
    await checkPrefix(prefix);
    await checkNoOverlap(store, scratch);
    await store.open({ create: false, signal });
    run.begin();
    const tree = await makeScratchTree(scratch, prefix, dryRun);
    let isKept = false;
    try {
      const plan = await planOutside(run, tree);
      run.add('metrics', plan.metrics);
      if (plan.metrics === 0) await stopIfNothingMatched(run);
      await checkSpace(tree.space, plan.space);
      if (dryRun)
        options.report.log(
          'warn',
          'Dry run: nothing was fetched, restored or compared, so the backups were not tested. Drill without -n.',
        );
      const about = { part, began: run.began };
      if (plan.metrics === 0 || dryRun) return { drill: reportOf(about, plan) };

      // No other process writes to scratch space, so files need no recheck.
      const scratchOnly = { prefix: tree.prefix, recheckAfterMs: 0 };
      const onEndedEarly = (early: Summary) => addCounts(early, run);
      const restored = await restore(store, { ...options, ...scratchOnly, onEndedEarly });
      addCounts(restored, run);
      const compared = await compareTrees(run, tree.prefix);
      isKept = keep;
      return { drill: { ...reportOf(about, plan, restored, compared), ...(keep && { kept: tree.prefix }) } };
    } finally {
      if (isKept) tree.keep();
      else await tree.remove();
    }
  });
}

/** @throws InvalidOptionError if the walk of the live tree finds the scratch tree under another path. */
async function planOutside(run: Run<DrillOptions>, tree: ScratchTree): Promise<DrillPlan> {
  let inLive: string | undefined;
  const plan = await planDrill(run, (path) => {
    if (basename(path) === tree.marker) inLive ??= dirname(path);
  });
  if (inLive === undefined) return plan;
  throw new InvalidOptionError(
    `Cannot drill: 'scratch' (${run.options.scratch}) is inside the live tree, at ${inLive}: choose a directory elsewhere`,
  );
}

async function stopIfNothingMatched(run: Run<DrillOptions>): Promise<void> {
  const { options, store } = run;
  const { part } = options;
  const which = part ? ` in part ${part.number} of ${part.of}` : '';
  const hint = part ? '' : await hintForBucket(store, options);
  run.stop(
    'NOTHING_MATCHED',
    `Nothing to restore: ${store.name} has no backup${which}${selectionText(options)}${hint}`,
  );
}

/** Adds the counts of the restore. It counts damaged backups as failed, a drill as damaged. */
function addCounts(restored: Summary, run: Run<DrillOptions>): void {
  for (const name of ['restored', 'bytesFetched', 'bytesRestored', 'odd', 'damagedFiles'] as const)
    run.add(name, restored.counts[name] ?? 0);
  if (restored.counts.pointsReplayed !== undefined) run.add('pointsReplayed', restored.counts.pointsReplayed);
  for (const { backup, ...named } of restored.failed) {
    // Not damage of the bucket: a backup deleted after it was listed, or of a file that was damaged before.
    if (!backup || named.code === 'NOT_FOUND' || named.code === 'WHISPER_DAMAGED') run.fail(named);
    else run.damage({ ...named, ...backup });
  }
  // The summary lists only the first failures.
  run.add('failed', (restored.counts.failed ?? 0) - restored.failed.length);
  for (const named of restored.skipped) run.skip(named);
  for (const named of restored.notes) run.note(named);
}
