import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { $, quote } from 'zx/core';
import { ansibleEnvironment, checkout } from '../../fleet/checkout.ts';
import { isRunLocked, remoteProblem } from './ad-hoc.ts';
import type { Diary } from './diary.ts';
import type { Command } from './runbook.ts';

/** Formats a command as a person would type it in the checkout. */
export function typedForm({ program, args }: Command): string {
  return [program, ...args].map(quote).join(' ');
}

/** How long to wait for a run that holds the lock on a host: an interrupted runbook's command still runs there. */
const LOCK_WAIT_MS = 300_000;
const LOCK_POLL_MS = 2000;

/**
 * Runs one command and passes on its output. Retries while another run holds the lock on the host.
 *
 * @param signal ends the command.
 * @returns the problem, or undefined.
 */
export async function execute(command: Command, diary: Diary, signal: AbortSignal): Promise<string | undefined> {
  diary.say(`$ ${typedForm(command)}`);
  for (const until = Date.now() + LOCK_WAIT_MS; ; ) {
    const { exitCode, stdout } = await run(command, diary, signal);
    const isLocked = command.program === 'ansible' && isRunLocked(stdout);
    if (!isLocked || signal.aborted || Date.now() > until)
      return problemOf(command, exitCode, stdout) ?? command.judge?.(stdout);
    diary.say('Another run holds the lock on the host: retrying');
    await setTimeout(LOCK_POLL_MS, undefined, { signal }).catch(() => {});
  }
}

async function run(
  { program, args }: Command,
  diary: Diary,
  signal: AbortSignal,
): Promise<{ readonly exitCode: number | null; readonly stdout: string }> {
  const running = $({
    cwd: checkout,
    env: ansibleEnvironment(),
    nothrow: true,
    quiet: true,
    stdio: [process.stdin.isTTY ? 'inherit' : 'ignore', 'pipe', 'pipe'],
  })`exec ${program} ${args}`;
  const stop = () => void running.child?.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  running.stdout.on('data', (chunk) => diary.pass(String(chunk)));
  running.stderr.on('data', (chunk) => diary.pass(String(chunk)));
  const { exitCode, stdout } = await running;
  signal.removeEventListener('abort', stop);
  return { exitCode, stdout };
}

function problemOf(command: Command, exitCode: number | null, stdout: string): string | undefined {
  const { program, accepts = [0], forgives } = command;
  if (program === 'ansible') return remoteProblem(stdout, exitCode, accepts);
  // Ansible exits with 2 if a task failed, with other codes if a host was unreachable or nothing started.
  if (exitCode === 0 || (exitCode === 2 && forgives?.test(stdout))) return undefined;
  return `${program} ended with exit code ${exitCode ?? 'none'}`;
}
