import { type ConsolaReporter, createConsola, type LogType } from 'consola/core';
import { reasonOf } from '../../../lib/common/errors.ts';
import { printable } from '../../../lib/common/printable.ts';
import type { LogLevel } from '../../../lib/common/report.ts';

/** A target for log lines. Lines are printable and have no line breaks. */
export interface LogSink {
  write(level: LogLevel, line: string): void;
  /** Opens its file again, after a rotation. */
  reopen?(): void;
  close?(): void;
}

/** Logs messages to standard error, a file and syslog. Messages may contain any characters. */
export interface Log {
  log(level: LogLevel, message: string): void;
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
  /** Only for the terminal: not in the file, not in syslog. */
  toTerminal(level: LogLevel, message: string): void;
  /** Whether a file or syslog has every line, so that the terminal needs only the first of many. */
  readonly isKept: boolean;
  /** Only for the file and syslog. */
  toFiles(level: LogLevel, message: string): void;
  /** Adds a target for all further lines, including those of `toFiles`. */
  add(sink: LogSink): void;
  reopen(): void;
  close(): void;
}

/** Sends messages through consola to the sinks. If a sink fails, its line is lost and the run continues. */
export function createLog(terminal: LogSink, options: { readonly debug: boolean }): Log {
  const kept: LogSink[] = [];
  let lost = 0;
  const level = options.debug ? 4 : 3;
  // Without this consola drops repeated messages. Its own reporters are not used: they write to standard output.
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
    toTerminal: (level, message) => watched[level](message),
    get isKept() {
      return kept.length > lost;
    },
    toFiles: (level, message) => filed[level](message),
    add(sink) {
      kept.push(sink);
      filed.addReporter(
        reporterOf(sink, (error) => {
          lost++;
          terminal.write('error', `Cannot write to the log: ${printable(reasonOf(error))}`);
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
            `Cannot reopen the log: ${printable(reasonOf(error))}: still writing to the old file`,
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

/** @param onFailure called for the first line that cannot be written. */
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
