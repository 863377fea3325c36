import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import process from 'node:process';
import { $ } from 'zx/core';
import { ansibleEnvironment, checkout } from './checkout.ts';

/** The shell's exit code for a program that is not installed. */
export const COMMAND_NOT_FOUND = 127;

/**
 * Runs a program in the checkout on this terminal and waits for it. Ctrl-C reaches the program from the terminal.
 *
 * @param logFile receives the output instead of the terminal.
 * @returns the exit code, or 128 plus the number of the signal that ended it.
 */
export async function start(program: string, args: readonly string[], logFile?: string): Promise<number> {
  const log = logFile === undefined ? undefined : openSync(logFile, 'w', 0o600);
  const output = log ?? 'inherit';
  const running = $({
    cwd: checkout,
    env: ansibleEnvironment(),
    nothrow: true,
    quiet: true,
    stdio: ['inherit', output, output],
  })`exec ${program} ${args}`;
  const wait = () => {};
  const end = () => void running.child?.kill('SIGTERM');
  process.on('SIGINT', wait);
  process.on('SIGTERM', end);
  try {
    const { cause, exitCode, signal } = await running;
    if (cause !== null || exitCode === COMMAND_NOT_FOUND)
      throw new Error(`Cannot start ${program}: ${cause?.message ?? 'not found'}: install ansible-core`, { cause });
    return exitCode ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  } finally {
    process.off('SIGINT', wait);
    process.off('SIGTERM', end);
    if (log !== undefined) closeSync(log);
  }
}
