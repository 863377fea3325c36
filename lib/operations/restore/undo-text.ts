import type { Run } from '../shared/run.ts';
import type { RestoreOptions } from './restore.ts';
import type { Targets } from './targets.ts';

/**
 * Returns how to restore what a restore has replaced. Only the undo of a window changes nothing else: with --overwrite, metrics
 * that were not replaced would become those of their newest backup.
 *
 * @param date to which a restore takes the state before.
 */
export function undoText(
  { metrics, exclude, window, commandWith = commandOf }: Run<RestoreOptions>['options'],
  { renaming }: Targets,
  date: Date,
): string {
  const at = ['--date', date.toISOString()];
  if (!window) return `to undo it, restore these metrics (-m) with --overwrite ${at.join(' ')}`;
  // To the date, the restore of a window takes only what was replaced, under the names that it has.
  const selected = renaming.isEmpty ? ['-m', metrics, ...exclude.flatMap((glob) => ['--exclude', glob])] : ['-m', '*'];
  const points = ['--from', window.from.toISOString(), '--until', window.until.toISOString(), '--erase'];
  return `to undo it: ${commandWith([...selected, ...at, ...points])}`;
}

function commandOf(options: readonly string[]): string {
  return ['restore', ...options].join(' ');
}
