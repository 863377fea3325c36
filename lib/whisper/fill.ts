import { InvalidOptionError } from '../common/errors.ts';
import { isAmbiguousMethod } from './aggregation.ts';
import { FillRefusedError, WhisperError } from './errors.ts';
import { type Archive, type Header, POINT_SIZE, parseHeader } from './header.ts';
import { Donor, LevelFill } from './level-fill.ts';
import { unmatchable } from './oddity.ts';

/** What a fill would do to the local file. */
export interface FillPlan {
  /**
   * Points filled: slots, over all archives, that had no point and get one. A coarser slot that is only aggregated
   * anew is not counted.
   */
  readonly filled: number;
  /** Points of coarser archives that had a value and get another, aggregated anew from finer points. */
  readonly reaggregated: number;
  /**
   * What to write, in this order: the coarsest archive first, and within an archive by offset. Only bytes of slots
   * that change, neighbours in one. After any number of these writes every old point is there, and filling again
   * completes it. Empty when there is nothing to fill.
   */
  readonly writes: readonly FillWrite[];
}

/** What to fill, and from what. Neither is changed. */
export interface FillOptions {
  /** The whole file that has gaps. */
  readonly local: Uint8Array;
  /** The whole file that may know more. */
  readonly source: Uint8Array;
  /** Seconds since the epoch; a fraction is floored. Slots of `local` older than their archive's retention are left. */
  readonly now: number;
}

/**
 * Computes a backfill: the gaps of `local` are filled from `source`, slot by slot, by the presence of a point and
 * never by its value (0 and NaN are values).
 *
 * In every archive of the local file, and every slot inside its retention at `now`:
 *
 * 1. A local point stays. Only a coarser slot may change, by aggregation from the next finer archive: when a slot of
 *    that inside it was filled, or changed likewise; when that archive still reaches back over the whole of it; when
 *    xFilesFactor is met; and when either all its finer slots are known now, or its value was the aggregate of those
 *    known before. A coarser slot that was a gap a moment ago is treated the same, so that a fill which was cut short
 *    and run again ends as one that was not. No coarser slot changes where both files have the same value, nor where
 *    their aggregation methods differ or whisper and go-whisper read the method's number differently: nothing shows then
 *    how its value was aggregated.
 * 2. A gap takes the source's point of the same step and slot. Without one, it is aggregated by the local file's method
 *    and xFilesFactor: from the next finer local archive as it is after the fill, where that reaches back over the whole
 *    slot; else from a finer archive of the source, the coarsest such first; else from what the finer local archive
 *    has. A coarser value is never spread into finer slots.
 * 3. A second run at the same `now` writes nothing.
 *
 * The two files may differ in every respect: the local header stands. A slot whose place in the ring is taken by a
 * local point in the future of `now` is left alone, as filling it would destroy that point.
 *
 * @throws FillRefusedError when either file is damaged or compressed, or its archives cannot be matched; its `code` and `side` say which.
 * @throws InvalidOptionError when `now` is no time.
 */
export function planFill(options: FillOptions): FillPlan {
  const { local, source } = options;
  const now = Math.floor(options.now);
  if (!(now >= 0 && Number.isFinite(now))) {
    throw new InvalidOptionError(`Cannot fill: 'now' must be seconds since the epoch: got ${options.now}`);
  }
  const header = headerOf('local', local);
  const sourceHeader = headerOf('source', source);
  const donors = sourceHeader.archives.map((archive) => new Donor(source, archive));
  const mayReaggregate = header.aggregation === sourceHeader.aggregation && !isAmbiguousMethod(header.aggregation);

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
    writes: levels.toReversed().flatMap((level) => changedRanges(after, level.archive, level.changed)),
  };
}

/** Carries a plan out in memory, on the bytes that it was made for. */
export function applyFill(bytes: Uint8Array, plan: FillPlan): void {
  for (const write of plan.writes) bytes.set(write.bytes, write.offset);
}

/** The archives of the source that can give points to this one: of the same step, then finer ones, coarsest first. */
function donorsFor(archive: Archive, donors: readonly Donor[]): Donor[] {
  return donors.filter((donor) => archive.secondsPerPoint % donor.ring.archive.secondsPerPoint === 0).toReversed();
}

function headerOf(side: 'local' | 'source', bytes: Uint8Array): Header {
  try {
    const header = parseHeader(bytes);
    const problem = unmatchable(header);
    if (problem !== undefined)
      throw new WhisperError('WHISPER_UNMATCHABLE', `Its archives cannot be matched: ${problem}`);
    return header;
  } catch (error) {
    throw error instanceof WhisperError ? new FillRefusedError(side, error) : error;
  }
}

/** Bytes to be written at a place of a file. */
export interface FillWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * The changed slots of one archive, by offset, neighbours in one write. Slot 0 is thus written first: as long as it is
 * empty, Whisper takes the whole archive for empty.
 *
 * @param changed the numbers of the slots that may differ, in any order, once or more.
 */
function changedRanges(after: Uint8Array, archive: Archive, changed: Iterable<number>): FillWrite[] {
  // A byte for each slot: a set of the millions that a large file has would take ten times its memory.
  const isChanged = new Uint8Array(archive.points);
  for (const slot of changed) isChanged[slot] = 1;
  const writes: FillWrite[] = [];
  for (let slot = isChanged.indexOf(1); slot >= 0; slot = isChanged.indexOf(1, slot)) {
    const offset = archive.offset + slot * POINT_SIZE;
    const end = isChanged.indexOf(0, slot);
    slot = end < 0 ? archive.points : end;
    writes.push({ offset, bytes: after.slice(offset, archive.offset + slot * POINT_SIZE) });
  }
  return writes;
}
