import { reasonOf } from '../../lib/common/errors.ts';
import { type Command, type MeterOptions, measure } from './meter.ts';
import type { ContenderInfo, Measurement, Scenario } from './results.ts';

/** What one contender does in one scenario. */
export interface Entry {
  readonly contender: ContenderInfo;
  readonly command: Command;
  /** Sets the stage; unmeasured, as is `after`. */
  before?(): Promise<void>;
  /** Looks at what came out; the bytes that are stored, where there are any. */
  after?(): Promise<number | undefined>;
}

export interface RoundOptions extends MeterOptions {
  readonly rounds: number;
  log(text: string): void;
  /** Is told of a run that failed; it has no figures then. */
  failed(text: string): void;
}

/**
 * Runs everybody once, in an order that turns with the rounds, so that nobody always comes first.
 *
 * @param round counts from 0.
 */
export async function oneRound(
  scenario: Scenario,
  entries: readonly Entry[],
  round: number,
  options: RoundOptions,
): Promise<Measurement[]> {
  const { rounds, log, failed, signal } = options;
  const found: Measurement[] = [];
  for (const entry of turned(entries, round)) {
    const what = `${scenario.title}, round ${round + 1} of ${rounds}: ${entry.contender.title}`;
    try {
      await entry.before?.();
      const run = await measure(entry.command, options);
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

/** As many rounds of the same: a machine that is slow for a while is slow for all. */
export async function inRounds(
  scenario: Scenario,
  entries: readonly Entry[],
  options: RoundOptions,
): Promise<Measurement[]> {
  const found: Measurement[] = [];
  for (let round = 0; round < options.rounds; round++) {
    found.push(...(await oneRound(scenario, entries, round, options)));
  }
  return joined(found);
}

/** One measurement with all runs for each contender and scenario, in the order of their names in the first round. */
export function joined(measurements: readonly Measurement[]): Measurement[] {
  const found = new Map<string, Measurement>();
  for (const next of measurements) {
    const key = `${next.scenario} ${next.contender}`;
    found.set(key, { ...next, runs: [...(found.get(key)?.runs ?? []), ...next.runs] });
  }
  return [...found.values()];
}

function turned<T>(all: readonly T[], by: number): T[] {
  const first = all.length === 0 ? 0 : by % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}
