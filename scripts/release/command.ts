import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** Runs a program without a shell. @returns what it said. @throws Error with its complaint. */
export async function command(program: string, args: readonly string[], cwd: string): Promise<string> {
  // Sorting, messages and dates must not depend on who builds.
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  const { stdout } = await exec(program, [...args], { cwd, env, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}
