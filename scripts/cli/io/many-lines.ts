import type { LogLevel } from '../../../lib/common/report.ts';
import type { Log } from './log.ts';

/** Maximum lines of one kind on the terminal. */
const SHOWN_AT_MOST = 20;

/** Limits messages that may come once per metric: the terminal shows the first ones and a count, the log file all. */
export class ManyLines {
  readonly #log: Log;
  readonly #counts = new Map<string, number>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param kind what the lines have in common, for the count: `metrics no longer in the local tree`. */
  write(level: LogLevel, message: string, kind: string): void {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    this.#log.toFiles(level, message);
    if (count <= SHOWN_AT_MOST) this.#log.toTerminal(level, message);
  }

  /** Logs the total of each kind that was cut short. */
  end(): void {
    for (const [kind, count] of this.#counts) {
      if (count <= SHOWN_AT_MOST) continue;
      const where = this.#log.isKept ? ': see the log file for all' : '';
      this.#log.toTerminal('info', `${count} ${kind}, the first ${SHOWN_AT_MOST} are listed above${where}`);
    }
  }
}
