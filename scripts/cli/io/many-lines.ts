import type { LogLevel } from '../../../lib/common/report.ts';
import type { Log } from './log.ts';

/** So many lines of a kind are shown to those who watch. */
const SHOWN_AT_MOST = 20;

/** Lines of which there may be one for every metric: those who watch see the first and a count, the log file has all. */
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
    this.#log.keep(level, message);
    if (count <= SHOWN_AT_MOST) this.#log.tell(level, message);
  }

  /** Shows how many there were of each kind that was cut short. */
  end(): void {
    for (const [kind, count] of this.#counts) {
      if (count <= SHOWN_AT_MOST) continue;
      const where = this.#log.isKept ? ': the log file names all' : '';
      this.#log.tell('info', `${count} ${kind}, of which the first ${SHOWN_AT_MOST} were named${where}`);
    }
  }
}
