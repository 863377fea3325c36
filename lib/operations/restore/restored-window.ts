import { InvalidOptionError } from '../../common/errors.ts';
import type { Named, Tally } from '../../common/summary.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import { checkWindow, type Window } from '../../whisper/time-window.ts';
import type { LeftSlot, WindowCounts } from '../../whisper/window.ts';
import type { WindowResult } from '../../workers/tasks/window-result.ts';
import type { RestoreOptions } from './restore.ts';

/** The points of a restore: those with timestamps from `from` to before `until`. */
export interface WindowOptions {
  readonly from: Date;
  readonly until: Date;
  /** Remove the points inside that the backup does not have. @default false */
  readonly erase?: boolean;
}

/**
 * Converts a window to whole seconds.
 *
 * @throws InvalidOptionError if it ends before it begins.
 */
export function windowIn({ from, until, erase = false }: WindowOptions): Window {
  const seconds = (time: Date) => Math.ceil(time.getTime() / 1000);
  const window = { from: seconds(from), until: seconds(until), erase };
  checkWindow(window);
  return window;
}

/** @throws InvalidOptionError if a window cannot be restored with the other options. */
export function checkWindowOptions(options: Partial<RestoreOptions>): void {
  const { window, merge, overwrite, replaceDamaged, schemaOf } = options;
  if (!window) return;
  windowIn(window);
  const others = { '--overwrite': overwrite, '--replace-damaged': replaceDamaged, '--merge': merge };
  const contradicting = Object.entries({ ...others, '--schemas or --retentions': schemaOf }).find(([, given]) => given);
  if (!contradicting) return;
  throw new InvalidOptionError(
    `Cannot restore a window with ${contradicting[0]}: a window only changes points of existing files. Remove ${contradicting[0]}.`,
  );
}

/** Counts and names what the restore of a window has changed in one file. */
export function countWindow(tally: Tally, names: Pick<Named, 'metric' | 'target'>, window: WindowResult): void {
  const { left, leftSlots, ...counts } = window;
  tally.add('pointsReplaced', counts.replaced);
  tally.add('pointsErased', counts.erased);
  tally.add('pointsKept', counts.kept);
  if (hasPoints(window)) {
    tally.window({
      ...names,
      ...counts,
      left: left.map(({ timestamp, ...slot }) => ({ ...slot, time: formatTimestamp(new Date(timestamp * 1000)) })),
    });
  }
  if (leftSlots > 0) {
    tally.add('slotsLeft', leftSlots);
    tally.note({ ...names, code: 'SLOTS_LEFT', reason: leftReason(left, leftSlots) });
  }
}

/** Describes slots that were left. */
export function leftReason(left: readonly LeftSlot[], count: number): string {
  const slots = left.map(
    ({ archive, secondsPerPoint, timestamp }) =>
      `archive ${archive} (${secondsPerPoint} s) at ${formatTimestamp(new Date(timestamp * 1000))}`,
  );
  const more = count > left.length ? [`${count - left.length} more`] : [];
  return `may have values made from points of the window, because they cannot be aggregated again from the finer ones that are stored (a window that contains all of a slot takes it from the backup): ${[...slots, ...more].join(', ')}`;
}

/** Returns whether there is anything to report of a file. */
export function hasPoints({ filled, replaced, erased, kept, leftSlots }: WindowResult): boolean {
  return filled + replaced + erased + kept + leftSlots > 0;
}

/** Formats `12 points filled, 30 replaced, 5 erased, 2 kept, in all archives`. */
export function windowText({ filled, replaced, erased, kept }: WindowCounts): string {
  return `${filled} points filled, ${replaced} replaced, ${erased} erased, ${kept} kept, in all archives`;
}
