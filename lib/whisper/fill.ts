import { InvalidOptionError } from '../common/errors.ts';
import { isAmbiguousMethod } from './aggregation.ts';
import { Donor } from './donor.ts';
import { FillRefusedError, WhisperError } from './errors.ts';
import { FillWrites } from './fill-writes.ts';
import { type Archive, type Header, parseHeader } from './header.ts';
import { LevelFill } from './level-fill.ts';
import { unmatchable } from './oddity.ts';

export interface FillPlan {
  /** Number of slots that had no point and get one. */
  readonly filled: number;
  /** Number of slots in coarser archives whose value changes because they are aggregated again from finer points. */
  readonly reaggregated: number;
  readonly writes: FillWrites;
}

interface FillOptions {
  readonly local: Uint8Array;
  /** The whole file that may have points for the gaps. */
  readonly source: Uint8Array;
  /** Unix time, rounded down to whole seconds. */
  readonly now: number;
  /** Whether rule 1 allows exceptions. @default true */
  readonly reaggregate?: boolean;
}

/**
 * Computes a backfill: fills the gaps of `local` from `source`, slot by slot. A gap is a slot without a point; 0 and
 * NaN are values like any other.
 *
 * These rules hold for every archive of the local file and every slot inside its retention at `now`:
 *
 * 1. A local point does not change, with one exception: a slot of a coarser archive is aggregated again from the next
 *    finer archive if all of these hold:
 *    - a finer slot inside it was filled or aggregated again,
 *    - the finer archive still covers the whole slot,
 *    - xFilesFactor is met,
 *    - all its finer slots have a point now, or its old value was the aggregate of the finer points before the fill,
 *    - the two files have different values in it,
 *    - the aggregation methods are the same, and whisper and go-whisper agree on the number of the method. Otherwise it
 *      is unknown how the old value was aggregated.
 *    This also applies to slots that this fill has just filled, so that an interrupted fill that is run again has the
 *    same result as an uninterrupted one.
 * 2. A gap takes the point of the source with the same step and time. If there is none, its value is aggregated with
 *    the local file's method and xFilesFactor from the first of these that has enough points:
 *    - the next finer local archive after its fill, if it covers the whole slot,
 *    - the finer archives of the source, the coarsest of them first,
 *    - the next finer local archive after its fill, if it covers the slot only in part. Its expired points do not count.
 *    A coarser value is never spread into finer slots.
 * 3. A second run at the same `now` writes nothing.
 *
 * The headers may differ in every respect; that of the local file does not change. A gap whose slot in the ring holds a
 * local point later than `now` is not filled, because that would overwrite the point.
 *
 * @throws FillRefusedError if a file is damaged or compressed, or its archives cannot be matched; see `code` and
 *   `side`.
 * @throws InvalidOptionError if `now` is invalid.
 */
export function planFill(options: FillOptions): FillPlan {
  const { local, source, reaggregate = true } = options;
  const now = Math.floor(options.now);
  if (!(now >= 0 && Number.isFinite(now))) {
    throw new InvalidOptionError(`Cannot fill: 'now' is ${options.now}, but must be a Unix time in seconds`);
  }
  const header = headerOf('local', local);
  const sourceHeader = headerOf('source', source);
  const donors = sourceHeader.archives.map((archive) => new Donor(source, archive));
  const isOneMethod = header.aggregation === sourceHeader.aggregation && !isAmbiguousMethod(header.aggregation);
  const mayReaggregate = reaggregate && isOneMethod;

  const after = local.slice();
  const levels: LevelFill[] = [];
  for (const archive of header.archives) {
    const level = new LevelFill({ before: local, after, archive, rule: header, mayReaggregate, now });
    level.run(donorsFor(archive, donors), levels[levels.length - 1]);
    levels.push(level);
  }
  return {
    filled: levels.reduce((total, level) => total + level.filled, 0),
    reaggregated: levels.reduce((total, level) => total + level.reaggregated, 0),
    writes: new FillWrites(after, levels),
  };
}

/** Returns the source archives that can fill this one: that of the same step, then finer ones, coarsest first. */
export function donorsFor(archive: Archive, donors: readonly Donor[]): Donor[] {
  return donors.filter((donor) => archive.secondsPerPoint % donor.ring.archive.secondsPerPoint === 0).toReversed();
}

/** @throws FillRefusedError if the file is damaged or compressed, or its archives cannot be matched. */
export function headerOf(side: 'local' | 'source', bytes: Uint8Array): Header {
  try {
    const header = parseHeader(bytes);
    const problem = unmatchable(header);
    if (problem !== undefined)
      throw new WhisperError('WHISPER_UNMATCHABLE', `its archives cannot be matched: ${problem}`);
    return header;
  } catch (error) {
    throw error instanceof WhisperError ? new FillRefusedError(side, error) : error;
  }
}
