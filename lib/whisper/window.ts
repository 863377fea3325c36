import { isAmbiguousMethod } from './aggregation.ts';
import { Donor } from './donor.ts';
import { donorsFor, headerOf } from './fill.ts';
import { FillWrites } from './fill-writes.ts';
import { LevelWindow } from './level-window.ts';
import { alignUp } from './points.ts';
import { LEFT } from './slot-marks.ts';
import { checkWindow, type Window } from './time-window.ts';

/** A slot that may have a value made from points of the window that should be replaced. */
export interface LeftSlot {
  /** 0 is the finest. */
  readonly archive: number;
  readonly secondsPerPoint: number;
  /** Unix time in seconds. */
  readonly timestamp: number;
}

/** How many slots changed, in all archives. */
export interface WindowCounts {
  /** Slots that had no point and got one. */
  readonly filled: number;
  readonly replaced: number;
  readonly erased: number;
  /** Points inside the window that the source does not have. */
  readonly kept: number;
}

export interface WindowPlan extends WindowCounts {
  /** How many slots were left. */
  readonly leftSlots: number;
  /** The first of them. A few are at the edges of the window; more only if the file was odd before. */
  readonly left: readonly LeftSlot[];
  readonly writes: FillWrites;
}

const NAMED_AT_MOST = 100;

interface WindowOptions {
  readonly local: Uint8Array;
  /** The whole file that has the right points. */
  readonly source: Uint8Array;
  readonly window: Window;
  /** Unix time, rounded down to whole seconds. */
  readonly now: number;
}

/**
 * Computes a restore of a window: replaces the points of `local` inside it by those of `source`, slot by slot. Points
 * outside do not change. The window begins and ends with a slot of the finest archive.
 *
 * These rules hold for every archive of the local file and every slot inside its retention at `now`, and for points
 * later than `now`:
 *
 * 1. A slot inside the window takes the point that a gap would take in a backfill (see `planFill`). If there is none, its
 *    point is erased or kept. A coarser slot with finer points that are kept is aggregated again as in rule 3, if that is
 *    possible; if it is not and the source has no point for it, it is left, and named if a finer one has changed.
 * 2. A slot of a coarser archive that is only partly inside changes only by aggregation from the next finer archive, if a
 *    finer slot in it changed.
 * 3. A slot is aggregated again only if all of these hold; otherwise it is left and named, unless the two files agree on it:
 *    - the finer archive still covers the whole slot,
 *    - xFilesFactor is met, or points were erased and the slot is to be empty,
 *    - all its finer slots have a point now, or its old value was the aggregate of the finer points before,
 *    - the two files have different values in it,
 *    - the aggregation methods are the same, and whisper and go-whisper agree on the number of the method.
 *    A slot with a finer one that is named is named too, even if it was aggregated again, unless the two files agree on it.
 *    None is named if the source has no point inside the window and those of the local file are kept.
 * 4. A second run at the same `now` writes nothing.
 *
 * @throws FillRefusedError if a file is damaged or compressed, or its archives cannot be matched.
 * @throws InvalidOptionError if the window ends before it begins.
 */
export function planWindow({ local, source, window, now }: WindowOptions): WindowPlan {
  checkWindow(window);
  const header = headerOf('local', local);
  const sourceHeader = headerOf('source', source);
  const donors = sourceHeader.archives.map((archive) => new Donor(source, archive));
  const mayReaggregate = header.aggregation === sourceHeader.aggregation && !isAmbiguousMethod(header.aggregation);
  const finest = header.archives[0]?.secondsPerPoint ?? 1;
  const { from, until, erase } = window;
  const aligned = { from: alignUp(from, finest), until: alignUp(until, finest), erase };

  const after = local.slice();
  const levels: LevelWindow[] = [];
  for (const archive of header.archives) {
    const [finer, sources] = [levels.at(-1), donorsFor(archive, donors)];
    const rule = { rule: header, mayReaggregate, window: aligned, now: Math.floor(now) };
    const level = new LevelWindow({ before: local, after, archive, ...rule, donors: sources, finer });
    level.run();
    levels.push(level);
  }
  const isAllKept = !erase && levels.some(({ kept }) => kept > 0) && !levels.some(({ isGiven }) => isGiven);
  const sum = (count: (level: LevelWindow) => number) => levels.reduce((total, level) => total + count(level), 0);
  return {
    filled: sum(({ filled }) => filled),
    replaced: sum(({ replaced }) => replaced),
    erased: sum(({ erased }) => erased),
    kept: sum(({ kept }) => kept),
    ...(isAllKept ? { leftSlots: 0, left: [] } : leftIn(levels)),
    writes: new FillWrites(after, levels),
  };
}

function leftIn(levels: readonly LevelWindow[]): Pick<WindowPlan, 'leftSlots' | 'left'> {
  const left: LeftSlot[] = [];
  let leftSlots = 0;
  for (const [archive, level] of levels.entries()) {
    const { secondsPerPoint } = level.archive;
    level.marks.each((timestamp, marked) => {
      if ((marked & LEFT) === 0) return;
      leftSlots++;
      if (left.length < NAMED_AT_MOST) left.push({ archive, secondsPerPoint, timestamp });
    });
  }
  return { leftSlots, left };
}
