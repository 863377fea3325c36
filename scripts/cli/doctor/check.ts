import type { Invocation } from '../run/invocation.ts';

export type Level = 'ok' | 'warn' | 'bad';

/** The result of a check. Never contains a secret. */
export interface Verdict {
  readonly level: Level;
  /** The state that was found, good or bad. */
  readonly finding: string;
  /** What to change. */
  readonly remedy?: string;
}

/** One check of a host. */
export interface Check {
  readonly name: string;
  /** Timeout in seconds. @default 10 */
  readonly deadline?: number;
  /**
   * Checks without changing anything.
   *
   * @param signal aborts at the timeout, and when the program is interrupted.
   * @throws any error; it becomes a `bad` verdict.
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

export function worstOf(levels: readonly Level[]): Level {
  return levels.reduce<Level>((worst, level) => (ranks[level] > ranks[worst] ? level : worst), 'ok');
}
