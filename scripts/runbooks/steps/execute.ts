import process from 'node:process';
import { $, quote } from 'zx';
import { ansibleEnvironment, checkout } from '../../fleet/checkout.ts';
import { remoteProblem } from './adhoc.ts';
import type { Diary } from './diary.ts';
import type { Command } from './step.ts';

/** A command as a person would type it in the checkout. */
export function typedForm({ program, args }: Command): string {
  return [program, ...args].map((word) => (word === '' ? "''" : shellWord(word))).join(' ');
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * Runs one command to its end, and passes on what it prints.
 *
 * @param signal ends the command.
 * @returns what is wrong, if anything.
 */
export async function execute(command: Command, diary: Diary, signal: AbortSignal): Promise<string | undefined> {
  const { program, args } = command;
  diary.say(`$ ${typedForm(command)}`);
  const running = $({
    cwd: checkout,
    env: ansibleEnvironment(),
    nothrow: true,
    quiet: true,
    quote,
    stdio: [process.stdin.isTTY ? 'inherit' : 'ignore', 'pipe', 'pipe'],
  })`${program} ${args}`;
  const stop = () => void running.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  running.stdout.on('data', (chunk) => diary.pass(String(chunk)));
  running.stderr.on('data', (chunk) => diary.pass(String(chunk)));
  const { exitCode, stdout } = await running;
  signal.removeEventListener('abort', stop);
  return problemOf(command, exitCode, stdout) ?? command.judge?.(stdout);
}

function problemOf(command: Command, exitCode: number | null, stdout: string): string | undefined {
  const { program, accepts = [0], forgives } = command;
  if (program === 'ansible') return remoteProblem(stdout, exitCode, accepts);
  // Ansible ends with 2 when a task failed, with others when a host was unreachable or nothing was started.
  if (exitCode === 0 || (exitCode === 2 && forgives?.test(stdout))) return undefined;
  return `${program} ended with exit code ${exitCode ?? 'none'}`;
}
