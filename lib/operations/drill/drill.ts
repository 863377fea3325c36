import { basename, dirname } from 'node:path';
import { InvalidOptionError } from '../../common/errors.ts';
import type { PlaceOptions, SelectOptions, TreeOptions } from '../../common/options.ts';
import type { Summary } from '../../common/summary.ts';
import type { ObjectStore } from '../../store/store.ts';
import { checkPrefix } from '../../tree/walk.ts';
import type { LoadOptions } from '../../workers/pool.ts';
import { restore } from '../restore/restore.ts';
import { checkApart } from '../shared/apart.ts';
import { hintForBucket } from '../shared/nothing-hint.ts';
import type { Part } from '../shared/part.ts';
import { type OperationOptions, Run } from '../shared/run.ts';
import { compareTrees } from './comparison.ts';
import { type DrillPlan, planDrill } from './plan.ts';
import { type DrillSummary, reportOf } from './report.ts';
import { checkSpace, makeScratchTree, type ScratchTree } from './scratch-tree.ts';

export interface DrillOptions extends OperationOptions, SelectOptions, PlaceOptions, TreeOptions, LoadOptions {
  /** An empty directory outside the tree; created if missing. */
  readonly scratch: string;
  /** Only this part of the metrics. @default all of them */
  readonly part?: Part;
  /** Restore files that were damaged when they were backed up, too. @default false */
  readonly includeDamaged?: boolean;
  /** Keep the restored tree. @default false */
  readonly keep?: boolean;
}

/**
 * Rehearses the loss of a host: restores a sample of the bucket to scratch space as a real restore would, compares it
 * with the live tree point by point, and measures how long the restore took and which points it lacks. Only reads the
 * live tree, each file as a backup reads it, and empties the scratch space at the end.
 *
 * `counts.damaged` and `counts.differing` are 0 if host and bucket are sound.
 *
 * @throws InvalidOptionError when the scratch space cannot be used.
 * @throws StoreError when the bucket cannot be used at all.
 * @throws WhisperBackupError `NO_SPACE`, `TREE_MISSING`, `NO_LOCKS`; the signal's reason.
 */
export async function drill(store: ObjectStore, given: DrillOptions): Promise<DrillSummary> {
  const run = new Run('drill', store, given);
  const { options } = run;
  const { dryRun, keep = false, part, prefix, scratch, signal } = options;
  return run.summarize(async () => {
    await checkPrefix(prefix);
    await checkApart(store, scratch);
    await store.open({ create: false, signal });
    run.begin();
    const tree = await makeScratchTree(scratch, prefix, dryRun);
    let isKept = false;
    try {
      const plan = await planOutside(run, tree);
      run.add('metrics', plan.metrics);
      if (plan.metrics === 0) await stopForNothing(run);
      await checkSpace(tree.space, plan.space);
      if (dryRun)
        options.report.log(
          'warn',
          'Dry run: nothing was fetched, restored or compared, so that this says nothing about the backups: drill without -n',
        );
      if (plan.metrics === 0 || dryRun) return { drill: reportOf(part, plan) };

      // No other process writes there, so no file needs a second look.
      const scratchOnly = { prefix: tree.prefix, recheckAfterMs: 0 };
      const onEndedEarly = (early: Summary) => take(early, run);
      const restored = await restore(store, { ...options, ...scratchOnly, onEndedEarly });
      take(restored, run);
      const compared = await compareTrees(run, tree.prefix);
      isKept = keep;
      return { drill: { ...reportOf(part, plan, restored, compared), ...(keep && { kept: tree.prefix }) } };
    } finally {
      if (isKept) tree.keep();
      else await tree.remove();
    }
  });
}

/** @throws InvalidOptionError when the scratch tree is inside the live one, under another name. */
async function planOutside(run: Run<DrillOptions>, tree: ScratchTree): Promise<DrillPlan> {
  let inLive: string | undefined;
  const plan = await planDrill(run, (path) => {
    if (basename(path) === tree.marker) inLive ??= dirname(path);
  });
  if (inLive === undefined) return plan;
  throw new InvalidOptionError(
    `Cannot drill: 'scratch' (${run.options.scratch}) is inside the live tree, as ${inLive}: name a directory elsewhere`,
  );
}

async function stopForNothing(run: Run<DrillOptions>): Promise<void> {
  const { options, store } = run;
  const { part } = options;
  const which = part ? `part ${part.number} of ${part.of} of ` : '';
  const glob = JSON.stringify(options.metrics);
  const hint = part ? '' : await hintForBucket(store, options);
  run.stop('NOTHING_MATCHED', `Nothing to restore: ${store.name} holds no backup in ${which}${glob}${hint}`);
}

/** Adds what the restore has counted. A restore counts damaged backups as failed. */
function take(restored: Summary, run: Run<DrillOptions>): void {
  for (const name of ['restored', 'bytesFetched', 'bytesRestored', 'odd', 'damagedFiles'] as const)
    run.add(name, restored.counts[name] ?? 0);
  for (const { backup, ...named } of restored.failed) {
    // The bucket is sound if a backup was deleted since it was listed, or if the file was damaged before the backup.
    if (!backup || named.code === 'NOT_FOUND' || named.code === 'WHISPER_DAMAGED') run.fail(named);
    else run.damage({ ...named, ...backup });
  }
  // The summary does not name all of them.
  run.add('failed', (restored.counts.failed ?? 0) - restored.failed.length);
  for (const named of restored.skipped) run.skip(named);
  for (const named of restored.notes) run.note(named);
}
