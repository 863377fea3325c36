import assert from 'node:assert/strict';
import { utimes } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomFrom } from '../../bench/trees/seeded-random.ts';
import { acquireRunLock } from '../../lib/system/run-lock.ts';
import { SEED } from '../fixtures/seed.ts';
import { type Ended, run, start } from '../scripts/cli/program.ts';
import type { Job } from './job.ts';

/** Ends in a row before a run may finish. */
const ROW = 5;

/** How long a run that was told to stop may take to end, in milliseconds: less than it is given before it is cut off. */
const STOPS_WITHIN = 9000;

const exitCodes = { SIGTERM: 143, SIGINT: 130 } as const;

/** What became of the runs of one volley. */
export interface Counts {
  /** Runs that were ended while they worked. */
  readonly hits: number;
  /** Of these, runs that had already changed something. */
  readonly atWork: number;
  /** Runs that were done before the signal came. */
  readonly misses: number;
  /** What they left behind in all, that the next purge removed. */
  readonly leftovers: number;
  /** The longest time from the signal to the end, in milliseconds. */
  readonly slowest: number;
}

export interface Aim {
  /** Drawn at random for each run. */
  readonly signals: readonly ('SIGKILL' | 'SIGTERM' | 'SIGINT')[];
  readonly hits: number;
  readonly name: string;
  readonly lengths: Lengths;
}

/** How long a run takes that nobody ends, in milliseconds. */
export interface Lengths {
  /** With all to do. */
  readonly busy: number;
  /** With nothing to do: about when another begins to work. */
  readonly idle: number;
}

/**
 * Ends a job again and again, until so many runs were hit before their end: at moments drawn over the whole length of
 * a run, and twice as often over that part of it in which it works. After each, the lock is free and what the job promises holds; after a few, a run may finish it.
 */
export async function volley(job: Job, { signals, hits: wanted, name, lengths }: Aim): Promise<Counts> {
  const random = randomFrom(SEED ^ hashOf(name));
  const counts = { hits: 0, atWork: 0, misses: 0, leftovers: 0, slowest: 0 };
  const isKilled = signals.includes('SIGKILL');
  // The lengths were measured on a machine that may have been busier then: those that come too late come earlier.
  let reach = 1;
  for (let shot = 0; counts.hits < wanted; shot++) {
    assert.ok(shot < 20 + 8 * wanted, `only ${counts.hits} of ${shot} runs were hit`);
    // Now and then a run goes on from where another was ended, and is ended as well.
    if (shot % 3 !== 2) await job.prepare();
    const signal = signals[Math.floor(random() * signals.length)] ?? 'SIGKILL';
    const from = random() < 1 / 3 ? 0 : Math.min(lengths.idle, lengths.busy) * 0.75;
    const moment = reach * (from + random() * (lengths.busy - from));
    const context = `${name}: ${signal} after ${moment.toFixed(0)} of ${lengths.busy.toFixed(0)} ms (number ${shot})`;
    await told(context, async () => {
      const before = await job.state();
      const { ended, isHit, took } = await shoot(job, signal, moment);
      if (isHit) counts.hits++;
      else counts.misses++;
      reach = isHit ? Math.min(1, reach * 1.1) : Math.max(0.2, reach * 0.9);
      if (isHit && (await job.state()) !== before) counts.atWork++;
      if (!isHit) assert.equal(ended.code, 0, ended.stderr);
      counts.slowest = Math.max(counts.slowest, took);
      if (!isKilled) {
        assert.ok(took < STOPS_WITHIN, `it took ${took.toFixed(0)} ms to end`);
        assert.deepEqual(await job.leftovers(), []);
      }
      await lockIsFree(job);
      await job.hold();
    });
    if (shot % ROW !== ROW - 1 && counts.hits < wanted) continue;
    await told(`${context}, and then`, async () => {
      await job.holdThoroughly();
      counts.leftovers += await finish(job);
    });
  }
  return counts;
}

async function shoot(
  job: Job,
  signal: Aim['signals'][number],
  moment: number,
): Promise<{ ended: Ended; isHit: boolean; took: number }> {
  const started = start(job.args(), job.env ? { env: job.env } : {});
  const early = await Promise.race([started.ended, sleep(moment)]);
  if (early) return { ended: early, isHit: false, took: 0 };
  const then = performance.now();
  try {
    started.kill(signal);
  } catch {
    // It has just ended.
  }
  const ended = await started.ended;
  const took = performance.now() - then;
  if (started.endedBy() !== null) {
    // One that is told to stop before it listens to signals ends by the signal itself, with the same exit code.
    assert.equal(started.endedBy(), signal, ended.stderr);
    return { ended, isHit: true, took };
  }
  const isHit = signal !== 'SIGKILL' && ended.code === exitCodes[signal];
  return { ended, isHit, took };
}

/** Of three runs with all to do the middle one, and of two with nothing to do the faster. */
export async function lengthsOf(job: Job): Promise<Lengths> {
  const busy: number[] = [];
  const idle: number[] = [];
  for (const lengths of [busy, idle, busy, idle, busy]) {
    if (lengths === busy) await job.prepare();
    const then = performance.now();
    const ended = await run(job.finishingArgs(), job.env ? { env: job.env } : {});
    lengths.push(performance.now() - then);
    assert.equal(ended.code, 0, ended.stderr);
    await job.done();
  }
  return { busy: busy.toSorted((a, b) => a - b)[1] ?? 0, idle: Math.min(...idle) };
}

/** Lets a run finish. @returns how much was left behind until then, all of which is gone now. */
async function finish(job: Job): Promise<number> {
  const left = await job.leftovers();
  const then = new Date(Date.now() - 2 * 3_600_000);
  // Deepest first: what goes from a directory makes it young again.
  for (const path of left.toSorted().toReversed()) await utimes(path, then, then);
  const ended = await run(job.finishingArgs(), job.env ? { env: job.env } : {});
  assert.equal(ended.code, 0, ended.stderr);
  await job.purge();
  assert.deepEqual(await job.leftovers(), []);
  await job.hold();
  await job.done();
  return left.length;
}

/** There is no stale lock: the next run has it within seconds, even where the kill came before the file had its mark. */
async function lockIsFree({ lockfile }: Job): Promise<void> {
  if (lockfile === undefined) return;
  const lock = await acquireRunLock(lockfile, { timeout: 5 });
  await lock.release();
}

async function told(context: string, task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    if (error instanceof Error) error.message = `${context}: ${error.message}`;
    throw error;
  }
}

function hashOf(text: string): number {
  let hash = 0;
  for (const char of text) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) | 0;
  return hash;
}
