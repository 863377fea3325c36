import { type ConsolaReporter, createConsola, type LogType } from 'consola/core';
import { reasonOf } from '../../../lib/common/errors.ts';
import { printable } from '../../../lib/common/printable.ts';
import type { LogLevel } from '../../../lib/common/report.ts';

/** Where a line of the log goes. It is printable already, and one line. */
export interface LogSink {
  write(level: LogLevel, line: string): void;
  /** Opens its file anew, after a rotation. */
  reopen?(): void;
  close?(): void;
}

/** What happens, told to people: on standard error, in a file, to syslog. Names in it may hold anything. */
export interface Log {
  log(level: LogLevel, message: string): void;
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  /** For those who watch alone: not in the file, not in syslog. */
  tell(level: LogLevel, message: string): void;
  /** Whether a file or syslog holds every line, so that those who watch need only see the first of many. */
  readonly isKept: boolean;
  /** For the file and syslog alone. */
  keep(level: LogLevel, message: string): void;
  /** Sends what follows to one more place, which the lines of `keep` reach as well. */
  add(sink: LogSink): void;
  reopen(): void;
  close(): void;
}

/** Sends each message through consola to the sinks; one that fails loses its line, never the run. */
export function createLog(terminal: LogSink, options: { readonly debug: boolean }): Log {
  const kept: LogSink[] = [];
  let lost = 0;
  const level = options.debug ? 4 : 3;
  // consola drops what repeats unless told not to, and its own reporters write information to standard output.
  const throttle = 0;
  const watched = createConsola({ level, throttle, reporters: [reporterOf(terminal, () => {})] });
  const filed = createConsola({ level, throttle, reporters: [] });
  const log = (level: LogLevel, message: string): void => {
    watched[level](message);
    filed[level](message);
  };
  return {
    log,
    debug: (message) => log('debug', message),
    info: (message) => log('info', message),
    warn: (message) => log('warn', message),
    error: (message) => log('error', message),
    tell: (level, message) => watched[level](message),
    get isKept() {
      return kept.length > lost;
    },
    keep: (level, message) => filed[level](message),
    add(sink) {
      kept.push(sink);
      filed.addReporter(
        reporterOf(sink, (error) => {
          lost++;
          terminal.write('error', `Cannot write the log any more: ${printable(reasonOf(error))}`);
        }),
      );
    },
    reopen() {
      for (const sink of kept) {
        try {
          sink.reopen?.();
        } catch (error) {
          terminal.write(
            'error',
            `Cannot open the log anew: ${printable(reasonOf(error))}: it goes on in the old file`,
          );
        }
      }
    },
    close() {
      for (const sink of [...kept, terminal]) {
        try {
          sink.close?.();
        } catch (error) {
          terminal.write('error', `Cannot close the log: ${printable(reasonOf(error))}: its last lines may be missing`);
        }
      }
    },
  };
}

/** @param onFailure called the first time that a line cannot be written. */
function reporterOf(sink: LogSink, onFailure: (error: unknown) => void): ConsolaReporter {
  let failed = false;
  return {
    log({ type, args }) {
      try {
        sink.write(levelOf(type), printable(args.map(String).join(' ')));
      } catch (error) {
        if (!failed) onFailure(error);
        failed = true;
      }
    },
  };
}

function levelOf(type: LogType): LogLevel {
  return type === 'debug' || type === 'warn' || type === 'error' ? type : 'info';
}
