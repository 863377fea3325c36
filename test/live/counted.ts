import assert from 'node:assert/strict';
import { createWhisper } from '../../lib/whisper/create.ts';
import { parseHeader } from '../../lib/whisper/header.ts';
import { type Point, Ring } from '../../lib/whisper/points.ts';
import { updateMany } from '../../lib/whisper/update.ts';

/*
 * The files of `writer.py`: what stands in each point is known from its number, so a file's bytes can be told from what
 * never was. A donor's points are the negatives, so that it shows whose a point is.
 */

/** As `writer.py` makes them; method `sum`, xFilesFactor 0. */
const ARCHIVES = [
  { secondsPerPoint: 1, points: 14_400 },
  { secondsPerPoint: 10, points: 2160 },
  { secondsPerPoint: 60, points: 720 },
];

/** How many numbers there are: so few that all of them stay within the finest archive for some minutes. */
export const NUMBERS = 12_000;

/** How many different donors there are; together they have every number. */
const PARTS = 64;

export interface Counted {
  /** Of the newest point that the writer had written. */
  readonly round: number;
  readonly number: number;
  /** How many points are a donor's. */
  readonly filled: number;
}

/** The timestamp of number 0: so long ago that no number is in the future. */
export function baseOf(now: number): number {
  const base = now - NUMBERS - 600;
  return base - (base % 60);
}

/** Whether the writer leaves a number out. */
function isGap(number: number): boolean {
  return number % 7 === 3;
}

function ownValue(round: number, file: number, number: number): number {
  return (round * 1000 + file) * 100_000 + number;
}

function donated(file: number, number: number): number {
  return -ownValue(0, file, number) - 1;
}

/**
 * A file with a part of all numbers: such as the writer has written, will write, and never writes. It has the finest
 * archive only, and the writer's method: a fill aggregates no coarser slot anew where the methods differ.
 */
export function donor(file: number, base: number, part: number): Uint8Array {
  const points: Point[] = [];
  for (let number = 0; number < NUMBERS; number++)
    if (Math.floor(number / 7) % PARTS === part % PARTS)
      points.push({ timestamp: base + number, value: donated(file, number) });
  const bytes = createWhisper(ARCHIVES.slice(0, 1), { aggregation: 'sum' });
  updateMany(bytes, points, { now: base + NUMBERS });
  return bytes;
}

/**
 * Reads the bytes of a file, and checks that it was ever like that under its lock: every number up to the writer's last
 * is there with its value, and behind it that of the round before; nothing is there that nobody wrote; each coarser
 * archive is the sum of the finer one.
 */
export function readCounted(bytes: Uint8Array, file: number, base: number): Counted {
  const { archives } = parseHeader(bytes);
  const rings = archives.map((archive) => pointsOf(new Ring(bytes, archive)));
  const [finest = new Map<number, number>()] = rings;

  const newest = Math.max(-1, ...finest.values());
  const round = Math.floor(newest / 100_000_000);
  const last = newest < 0 ? -1 : newest % 100_000;
  let filled = 0;
  for (let number = 0; number < NUMBERS; number++) {
    const value = finest.get(base + number);
    if (value !== undefined && value < 0) filled++;
    const written = number <= last ? round : round - 1;
    const expected = isGap(number) || written < 0 ? donated(file, number) : ownValue(written, file, number);
    if (value !== undefined || expected >= 0)
      assert.equal(value, expected, `number ${number}, where the last is ${last} of round ${round}`);
  }
  for (const timestamp of finest.keys()) assert.ok(timestamp >= base && timestamp < base + NUMBERS, `${timestamp}`);

  for (const [i, coarse] of rings.entries()) {
    const fine = rings[i - 1];
    const step = archives[i]?.secondsPerPoint;
    if (fine === undefined || step === undefined) continue;
    const sums = new Map<number, number>();
    for (const [timestamp, value] of fine) {
      const interval = timestamp - (timestamp % step);
      sums.set(interval, (sums.get(interval) ?? 0) + value);
    }
    for (const [timestamp, value] of coarse)
      assert.equal(value, sums.get(timestamp), `${step} s at number ${timestamp - base} of ${last}`);
    for (const timestamp of sums.keys())
      assert.ok(coarse.has(timestamp), `${step} s at number ${timestamp - base} of ${last} is missing`);
  }
  return { round, number: last, filled };
}

function pointsOf(ring: Ring): Map<number, number> {
  const points = new Map<number, number>();
  for (let i = 0; i < ring.archive.points; i++) if (ring.isPointAt(i)) points.set(ring.timestampAt(i), ring.valueAt(i));
  return points;
}
