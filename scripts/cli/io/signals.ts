import { setMaxListeners } from 'node:events';
import { WhisperBackupError } from '../../../lib/common/errors.ts';
import { libc } from '../../../lib/system/libc.ts';

/** A signal asked the program to stop. */
export class InterruptedError extends WhisperBackupError {
  /** 128 plus the number of the signal. */
  readonly exitCode: number;

  constructor(name: keyof typeof exitCodes) {
    super('INTERRUPTED', `Interrupted by ${name}`);
    this.exitCode = exitCodes[name];
  }
}

const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const;

/** Time for a clean exit, in milliseconds. */
const GRACE_MS = 10_000;

function exitNow(code: number): void {
  try {
    libc._exit(code);
  } catch {
    // Without the C library, Node's own exit continues.
  }
}

export interface Interruption {
  /** Aborted by the first SIGINT or SIGTERM, with an InterruptedError. */
  readonly signal: AbortSignal;
  /** The exit code of the received signal. */
  readonly exitCode: number | undefined;
}

/**
 * Handles signals until the process ends. The first SIGINT or SIGTERM aborts. A second one, or a clean exit that takes
 * too long, ends the process at once. SIGHUP calls `onHangup`.
 */
export function catchSignals(onHangup: () => void): Interruption {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  let interrupted: InterruptedError | undefined;
  const stop = (name: keyof typeof exitCodes): void => {
    if (interrupted) process.exit(exitCodes[name]);
    interrupted = new InterruptedError(name);
    setTimeout(() => process.exit(exitCodes[name]), GRACE_MS).unref();
    controller.abort(interrupted);
  };
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGHUP', onHangup);
  process.on('exit', (code) => {
    // Node waits for its threads here, and a thread may hang in a file system that does not respond.
    if (interrupted) exitNow(code);
    // Without our handlers, the next signal ends a process that still waits.
    for (const name of ['SIGINT', 'SIGTERM']) process.removeAllListeners(name);
  });
  return {
    signal: controller.signal,
    get exitCode() {
      return interrupted?.exitCode;
    },
  };
}
