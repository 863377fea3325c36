import type { AggregationRule } from './aggregation.ts';
import { createWhisper } from './create.ts';
import { planFill } from './fill.ts';
import { type Header, parseHeader } from './header.ts';
import { Ring } from './points.ts';
import type { ArchiveSpec } from './schema.ts';

/** The schema that a file is to have. */
export interface NewSchema {
  /** Finest first. */
  readonly archives: readonly ArchiveSpec[];
  /** @default that of the file whose points take precedence */
  readonly rule?: AggregationRule;
}

export interface Reshaped {
  readonly bytes: Uint8Array;
  /** Steps of archives in the first file whose points fit into no archive of the schema, in seconds. */
  readonly stepsLeft: readonly number[];
  /** How many points of the first file that are newer than now have no place in it. */
  readonly aheadLeft: number;
}

/** Returns whether a file has another schema. */
export function differsFrom(header: Header, { archives, rule = header }: NewSchema): boolean {
  const isSame = (wanted: ArchiveSpec, found: ArchiveSpec | undefined) =>
    wanted.secondsPerPoint === found?.secondsPerPoint && wanted.points === found.points;
  return !(
    archives.length === header.archives.length &&
    archives.every((archive, level) => isSame(archive, header.archives[level])) &&
    rule.aggregation === header.aggregation &&
    Math.fround(rule.xFilesFactor) === header.xFilesFactor
  );
}

/**
 * Creates a file with another schema, and fills it archive by archive by the rules of {@link planFill}: with the points
 * of the first file as they are, then the gaps from the second one. A value of a coarser archive is never spread into a
 * finer one, and a value that a file has for a step is never computed anew from finer points.
 *
 * @param now Unix time in seconds: points that are outside of their archive's retention are left out, but not newer ones of
 *   the first file with a step of the schema.
 * @throws FillRefusedError if a file is damaged or compressed, or its archives cannot be matched.
 */
export function reshape(schema: NewSchema, [first, second]: readonly [Uint8Array, Uint8Array?], now: number): Reshaped {
  const header = parseHeader(first);
  const filled = (local: Uint8Array, source: Uint8Array, reaggregate: boolean) =>
    planFill({ local, source, now, reaggregate }).writes.after;
  let bytes = filled(emptyFile(schema, header), first, false);
  const newer = emptyFile(schema, header);
  if (copyNewer(newer, bytes, first, now) > 0) bytes = filled(newer, first, false);
  if (second) bytes = filled(bytes, second, true);
  const isLeft = (step: number) => !schema.archives.some(({ secondsPerPoint }) => secondsPerPoint % step === 0);
  const stepsLeft = header.archives.map(({ secondsPerPoint }) => secondsPerPoint).filter(isLeft);
  return { bytes, stepsLeft, aheadLeft: countAheadLeft(first, bytes, now) };
}

/** Counts the points newer than now that `to` has not. A coarser one counts only if it has no finer point of its interval. */
function countAheadLeft(from: Uint8Array, to: Uint8Array, now: number): number {
  const kept = parseHeader(to).archives.map((archive) => new Ring(to, archive));
  let left = 0;
  for (const archive of parseHeader(from).archives) {
    const step = archive.secondsPerPoint;
    const finer = kept.filter((ring) => step % ring.archive.secondsPerPoint === 0);
    const ring = new Ring(from, archive);
    for (let i = 0; i < archive.points; i++) {
      const time = ring.timestampAt(i);
      if (time <= now || !ring.isPointAt(i)) continue;
      const has = (one: Ring) =>
        one.readKnown(time, step / one.archive.secondsPerPoint).some((value) => value !== undefined);
      if (!finer.some(has)) left++;
    }
  }
  return left;
}

/**
 * Copies points that are newer than now, as of a sender whose clock is ahead, to archives of the same step. Leaves out those
 * whose slot has a point of the retention in `older`.
 *
 * @returns how many.
 */
function copyNewer(to: Uint8Array, older: Uint8Array, from: Uint8Array, now: number): number {
  const sources = parseHeader(from).archives;
  let copied = 0;
  for (const archive of parseHeader(to).archives) {
    const same = sources.find(({ secondsPerPoint }) => secondsPerPoint === archive.secondsPerPoint);
    if (!same) continue;
    const [target, taken, source] = [new Ring(to, archive), new Ring(older, archive), new Ring(from, same)];
    for (let i = 0; i < same.points; i++) {
      const timestamp = source.timestampAt(i);
      if (timestamp <= now || !source.isPointAt(i)) continue;
      if (taken.timestampAt(taken.indexOf(timestamp)) > now - archive.retention) continue;
      const index = target.indexOf(timestamp);
      if (target.timestampAt(index) > timestamp) continue;
      target.bytesAt(index).set(source.bytesAt(i));
      copied++;
    }
  }
  return copied;
}

function emptyFile({ archives, rule }: NewSchema, otherwise: AggregationRule): Uint8Array {
  const { aggregation, xFilesFactor } = rule ?? otherwise;
  return createWhisper(archives, { aggregation, xFilesFactor });
}
