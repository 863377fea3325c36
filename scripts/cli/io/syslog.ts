import koffi from 'koffi';
import type { LogLevel } from '../../../lib/common/report.ts';
import type { LogSink } from './log.ts';

// From <syslog.h>; the same values on all Linux systems.
const LOG_PID = 0x01;
const LOG_PERROR = 0x20;
const LOG_LOCAL3 = 19 << 3;
const priorities: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

/**
 * Opens syslog(3) with facility local3 and ident `whisper-backup`.
 *
 * @param options.echo also writes each line to standard error.
 * @throws if the C library cannot be loaded.
 */
export function openSyslog({ echo = false }: { readonly echo?: boolean } = {}): LogSink {
  const libc = koffi.load(process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6');
  const openlog = libc.func('void openlog(const void *ident, int option, int facility)');
  const syslog = libc.func('void syslog(int priority, const char *format, ...)');
  const closelog = libc.func('void closelog()');
  // openlog keeps the pointer, so the memory must outlive the call; koffi.alloc memory is not garbage-collected.
  const name = new TextEncoder().encode('whisper-backup\0');
  const ident = koffi.alloc('uint8_t', name.length);
  koffi.encode(ident, koffi.array('uint8_t', name.length), name);
  openlog(ident, LOG_PID | (echo ? LOG_PERROR : 0), LOG_LOCAL3);
  return {
    // The line may contain `%`, so it must not be the format.
    write: (level, line) => syslog(priorities[level], '%s', 'str', line),
    close: () => closelog(),
  };
}
