import type { LogLevel } from '../../../lib/common/report.ts';
import type { LogSink } from './log.ts';

/** Standard error, where people watch: log lines, and below them the progress bar. */
export interface Terminal extends LogSink {
  readonly isTerminal: boolean;
  /** Called before a line is written, to take away what stands in its place. */
  beforeLine: (() => void) | undefined;
}

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const colors: Readonly<Record<LogLevel, string>> = { debug: '\x1b[2m', info: '', warn: '\x1b[33m', error: '\x1b[31m' };
const words: Readonly<Record<LogLevel, string>> = { debug: '', info: '', warn: 'warning: ', error: 'error: ' };

export interface TerminalOptions {
  /** Only this level and those above it. */
  readonly level: LogLevel;
  readonly color: boolean;
  readonly stream?: NodeJS.WriteStream;
}

export function createTerminal({ level, color, stream = process.stderr }: TerminalOptions): Terminal {
  // Whoever read it is gone: that is no reason to stop a backup.
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

/** Whether standard error may be coloured: a terminal that can, and nobody who objects (https://no-color.org). */
export function mayColor(environment: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  return isTerminal && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
}
