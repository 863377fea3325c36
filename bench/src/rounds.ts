import { reasonOf } from '../../lib/common/errors.ts';
import { type Command, type MeterOptions, measure } from './meter.ts';
import type { ContenderInfo, Measurement, Scenario } from './results.ts';

/** One contender in one scenario. */
export interface Entry {
  readonly contender: ContenderInfo;
  readonly command: Command;
  /** Prepares the run; not measured. */
  before?(): Promise<void>;
  /** Checks the result; not measured. @returns the stored bytes, if there are any. */
  after?(): Promise<number | undefined>;
  /** Returns the number of requests of the run. */
  requests?(): Promise<number>;
}

export interface RoundOptions extends MeterOptions {
  readonly rounds: number;
  log(text: string): void;
  /** Called for a failed run, which has no figures. */
  failed(text: string): void;
}

/**
 * Runs every contender once, in an order that rotates with the rounds.
 *
 * @param round starts at 0.
 */
export async function oneRound(
  scenario: Scenario,
  entries: readonly Entry[],
  round: number,
  options: RoundOptions,
): Promise<Measurement[]> {
  const { rounds, log, failed, signal } = options;
  const found: Measurement[] = [];
  for (const entry of rotate(entries, round)) {
    const what = `${scenario.title}, round ${round + 1} of ${rounds}: ${entry.contender.title}`;
    try {
      await entry.before?.();
      const measured = await measure(entry.command, options);
      const requests = await entry.requests?.();
      const run = requests === undefined ? measured : { ...measured, requests };
      const stored = await entry.after?.();
      found.push({
        ...{ scenario: scenario.id, contender: entry.contender.id, runs: [run] },
        ...(stored === undefined ? {} : { stored }),
      });
      log(`${what}: ${run.wall.toFixed(2)} s`);
    } catch (error) {
      signal.throwIfAborted();
      failed(`${what}: ${reasonOf(error)}`);
    }
  }
  return found;
}

/** Runs all rounds. Rounds are interleaved, so that a slow phase of the machine affects all contenders. */
export async function inRounds(
  scenario: Scenario,
  entries: readonly Entry[],
  options: RoundOptions,
): Promise<Measurement[]> {
  const found: Measurement[] = [];
  for (let round = 0; round < options.rounds; round++) {
    found.push(...(await oneRound(scenario, entries, round, options)));
  }
  return mergeRuns(found);
}

/** Merges the runs of each contender and scenario into one measurement, in the order of the first round. */
export function mergeRuns(measurements: readonly Measurement[]): Measurement[] {
  const found = new Map<string, Measurement>();
  for (const next of measurements) {
    const key = `${next.scenario} ${next.contender}`;
    found.set(key, { ...next, runs: [...(found.get(key)?.runs ?? []), ...next.runs] });
  }
  return [...found.values()];
}

function rotate<T>(all: readonly T[], by: number): T[] {
  const first = all.length === 0 ? 0 : by % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}
