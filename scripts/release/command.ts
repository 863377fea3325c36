import process from 'node:process';
import { $ } from 'zx/core';

/** Runs a program. @returns its standard output. @throws Error with its standard error. */
export async function command(program: string, args: readonly string[], cwd: string): Promise<string> {
  // Sort order, messages and dates must not depend on the build machine.
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  const { stdout } = await $({ cwd, env, quiet: true, stdio: ['ignore', 'pipe', 'pipe'] })`exec ${program} ${args}`;
  return stdout;
}
