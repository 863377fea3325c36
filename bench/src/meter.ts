import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { $ } from 'zx/core';
import type { Run } from './results.ts';

/** A command to measure, from before it starts until it has ended. */
export interface Command {
  readonly words: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const GNU_TIME = '/usr/bin/time';

export const hasGnuTime: boolean = existsSync(GNU_TIME);

export interface MeterOptions {
  /** Directory for the output of GNU time. */
  readonly scratch: string;
  /** Ends the command. */
  readonly signal: AbortSignal;
}

/**
 * Runs and measures a command.
 *
 * @throws Error with its standard error if the exit code is not 0; the reason of the signal.
 */
export async function measure({ words, env, cwd }: Command, { scratch, signal }: MeterOptions): Promise<Run> {
  const report = join(scratch, 'time.txt');
  const timed = hasGnuTime ? [GNU_TIME, '--format=%U %S %M', `--output=${report}`, ...words] : words;
  const shell = $({
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
    quiet: true,
    nothrow: true,
    signal,
  });
  const start = performance.now();
  const output = await shell`exec ${timed}`;
  const wall = (performance.now() - start) / 1000;
  signal.throwIfAborted();
  if (output.exitCode !== 0) {
    throw new Error(`Cannot measure: exit code ${output.exitCode} of: ${words.join(' ')}\n${output.stderr}`);
  }
  if (!hasGnuTime) return { wall, cpu: null, memory: null };
  const [user = Number.NaN, system = Number.NaN, kibibytes = Number.NaN] = (await readFile(report, 'utf8'))
    .trim()
    .split(' ')
    .map(Number);
  await rm(report);
  return { wall, cpu: user + system, memory: kibibytes * 1024 };
}
