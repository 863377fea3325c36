import type { Run } from '../shared/run.ts';
import type { RestoreOptions } from './restore.ts';
import type { Targets } from './targets.ts';

/**
 * Returns the command that restores what a restore has replaced.
 *
 * @param date to which a restore takes the state before.
 */
export function undoCommand(
  { metrics, exclude, window, commandWith = commandOf }: Run<RestoreOptions>['options'],
  { renaming }: Targets,
  date: Date,
): string {
  // To the date, the restore of a window takes only what was replaced, under the names that it has.
  const selected = renaming.isEmpty ? ['-m', metrics, ...exclude.flatMap((glob) => ['--exclude', glob])] : ['-m', '*'];
  const at = ['--date', date.toISOString()];
  if (window) {
    const { from, until } = window;
    return commandWith([...selected, ...at, '--from', from.toISOString(), '--until', until.toISOString(), '--erase']);
  }
  // Without the names, --overwrite would replace other files too.
  return commandWith(renaming.isEmpty ? [...selected, ...at, '--overwrite'] : at);
}

function commandOf(options: readonly string[]): string {
  return ['restore', ...options].join(' ');
}
