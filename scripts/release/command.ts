import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** Runs a program without a shell. @returns its standard output. @throws Error with its standard error. */
export async function command(program: string, args: readonly string[], cwd: string): Promise<string> {
  // Sort order, messages and dates must not depend on the build machine.
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  const { stdout } = await exec(program, [...args], { cwd, env, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}
