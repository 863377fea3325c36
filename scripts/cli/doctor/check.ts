import type { Invocation } from '../run/invocation.ts';

export type Level = 'ok' | 'warn' | 'bad';

/** What a check found. No secret ever stands in it. */
export interface Verdict {
  readonly level: Level;
  /** What is so, whether good or bad. */
  readonly finding: string;
  /** What to change. */
  readonly remedy?: string;
}

/** One thing that must be right on a host. */
export interface Check {
  readonly name: string;
  /** How long it may take, in seconds. @default 10 */
  readonly deadline?: number;
  /**
   * Looks, and leaves everything as it was.
   *
   * @param signal aborts at the deadline, and when the program is to stop.
   * @throws anything: that is a bad verdict.
   */
  run(invocation: Invocation, signal: AbortSignal): Promise<Verdict>;
}

export function ok(finding: string): Verdict {
  return { level: 'ok', finding };
}

export function warn(finding: string, remedy?: string): Verdict {
  return { level: 'warn', finding, ...(remedy !== undefined && { remedy }) };
}

export function bad(finding: string, remedy?: string): Verdict {
  return { level: 'bad', finding, ...(remedy !== undefined && { remedy }) };
}

const ranks: Readonly<Record<Level, number>> = { ok: 0, warn: 1, bad: 2 };

/** The worst of several. */
export function worstOf(levels: readonly Level[]): Level {
  return levels.reduce<Level>((worst, level) => (ranks[level] > ranks[worst] ? level : worst), 'ok');
}
