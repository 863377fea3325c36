import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { constants } from 'node:os';
import process from 'node:process';
import { ansibleEnvironment, checkout } from './checkout.ts';

/**
 * Runs a program in the checkout on this terminal and waits for it. Ctrl-C reaches the program from the terminal.
 *
 * @param logFile receives the output instead of the terminal.
 * @returns the exit code, or 128 plus the number of the signal that ended it.
 */
export async function start(program: string, args: readonly string[], logFile?: string): Promise<number> {
  const output = logFile === undefined ? 'inherit' : openSync(logFile, 'w', 0o600);
  const child = spawn(program, args, { cwd: checkout, env: ansibleEnvironment(), stdio: ['inherit', output, output] });
  const wait = () => {};
  const end = () => void child.kill('SIGTERM');
  process.on('SIGINT', wait);
  process.on('SIGTERM', end);
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', (cause) =>
        reject(new Error(`Cannot start ${program}: ${cause.message}: install ansible-core`, { cause })),
      );
      child.on('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
  } finally {
    process.off('SIGINT', wait);
    process.off('SIGTERM', end);
  }
}
