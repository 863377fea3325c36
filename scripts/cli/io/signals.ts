import { setMaxListeners } from 'node:events';
import { WhisperBackupError } from '../../../lib/common/errors.ts';
import { libc } from '../../../lib/system/libc.ts';

/** The user or the system asked us to stop. */
export class InterruptedError extends WhisperBackupError {
  /** 128 and the signal's number. */
  readonly exitCode: number;

  constructor(name: keyof typeof exitCodes) {
    super('INTERRUPTED', `Interrupted by ${name}`);
    this.exitCode = exitCodes[name];
  }
}

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/** What is under way has this long to come to a clean end, in milliseconds. */
const GRACE = 10_000;

function exitNow(code: number): void {
  try {
    libc._exit(code);
  } catch {
    // Without the C library, exit(3) has to do.
  }
}

export interface Interruption {
  /** Aborted by the first SIGINT or SIGTERM, with an InterruptedError. */
  readonly signal: AbortSignal;
  /** The exit code of the signal that came, if one did. */
  readonly exitCode: number | undefined;
}

/**
 * Catches signals: the first SIGINT or SIGTERM aborts, the second ends the process at once, and so does a clean end
 * that takes too long. SIGHUP calls `onHangup`.
 *
 * It holds until the process ends.
 */
export function catchSignals(onHangup: () => void): Interruption {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  let interrupted: InterruptedError | undefined;
  const stop = (name: keyof typeof exitCodes): void => {
    if (interrupted) process.exit(exitCodes[name]);
    interrupted = new InterruptedError(name);
    setTimeout(() => process.exit(exitCodes[name]), GRACE).unref();
    controller.abort(interrupted);
  };
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGHUP', onHangup);
  process.on('exit', (code) => {
    // Node waits for its threads here, and one may hang in a file system that does not answer.
    if (interrupted) exitNow(code);
    // Without our handlers, the next signal ends a process that waits.
    for (const name of ['SIGINT', 'SIGTERM']) process.removeAllListeners(name);
  });
  return {
    signal: controller.signal,
    get exitCode() {
      return interrupted?.exitCode;
    },
  };
}
