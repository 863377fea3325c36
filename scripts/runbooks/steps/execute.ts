import process from 'node:process';
import { $, quote } from 'zx';
import { checkout } from './checkout.ts';
import type { Diary } from './diary.ts';
import type { Command } from './step.ts';

/** A command as a person would type it in the checkout. */
export function typedForm({ program, args }: Command): string {
  return [program, ...args].map((word) => (word === '' ? "''" : shellWord(word))).join(' ');
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Ansible's settings, unless others were named. */
export const ansibleConfig = 'ansible/ansible.cfg';

/**
 * Runs one command to its end, and passes on what it prints.
 *
 * @param signal ends the command.
 * @returns what is wrong, if anything.
 */
export async function execute(command: Command, diary: Diary, signal: AbortSignal): Promise<string | undefined> {
  const { program, args, accepts = [0], forgives, judge } = command;
  diary.say(`$ ${typedForm(command)}`);
  const running = $({
    cwd: checkout,
    env: { ANSIBLE_CONFIG: `${checkout}/${ansibleConfig}`, ...process.env },
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
  if (exitCode !== 0 && !forgives?.test(stdout)) {
    // Ansible has exit codes of its own, and prints that of the command on the host.
    const onHost = / \| (?:FAILED|CHANGED|SUCCESS)[^|\n]*\| rc=(\d+) >>/.exec(stdout)?.[1];
    const code = onHost === undefined ? undefined : Number(onHost);
    if (code === undefined) return `${program} ended with exit code ${exitCode ?? 'none'}`;
    if (!accepts.includes(code)) return `the command on the host ended with exit code ${code}`;
  }
  return judge?.(stdout);
}
