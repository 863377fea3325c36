import type { LogLevel } from '../../../lib/common/report.ts';
import type { LogSink } from './log.ts';

/** Standard error: log lines, with the progress bar below them. */
export interface Terminal extends LogSink {
  readonly isTerminal: boolean;
  /** Called before each line, to clear the progress bar. */
  beforeLine: (() => void) | undefined;
}

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const colors: Readonly<Record<LogLevel, string>> = { debug: '\x1b[2m', info: '', warn: '\x1b[33m', error: '\x1b[31m' };
const words: Readonly<Record<LogLevel, string>> = { debug: '', info: '', warn: 'warning: ', error: 'error: ' };

export interface TerminalOptions {
  /** The lowest level to print. */
  readonly level: LogLevel;
  readonly color: boolean;
  readonly stream?: NodeJS.WriteStream;
}

export function createTerminal({ level, color, stream = process.stderr }: TerminalOptions): Terminal {
  // A backup continues if the reader of standard error exits.
  stream.on('error', () => {});
  return {
    isTerminal: stream.isTTY === true,
    beforeLine: undefined,
    write(at, line) {
      if (ranks[at] < ranks[level]) return;
      this.beforeLine?.();
      const text = words[at] + line;
      stream.write(color && colors[at] !== '' ? `${colors[at]}${text}\x1b[0m\n` : `${text}\n`);
    },
  };
}

/** Returns whether standard error may be colored: on a capable terminal, unless NO_COLOR is set (https://no-color.org). */
export function mayColor(environment: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  return isTerminal && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
}
