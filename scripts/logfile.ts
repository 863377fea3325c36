import { closeSync, fstatSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { reasonOf } from '../lib/errors.ts';
import type { LogSink } from './log.ts';
import { writeAll } from './writeall.ts';

/** How often a look is taken whether the file was rotated away, in milliseconds. */
const LOOK_EVERY = 1000;

/**
 * Appends lines like `2026-11-22T03:14:15+00:00;INFO;message` to a file. Every line is with the kernel when `write`
 * returns, so the last ones are never lost. When logrotate has moved the file away, a new one is opened.
 *
 * @param now the time in milliseconds.
 * @throws when the file cannot be opened; its directory is made.
 */
export function openLogFile(path: string, now: () => number = Date.now): LogSink {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  let descriptor = open(path);
  let looked = now();

  const reopen = (): void => {
    const fresh = open(path);
    closeSync(descriptor);
    descriptor = fresh;
  };
  const append = (line: string): void => {
    try {
      writeAll(descriptor, line);
    } catch (cause) {
      throw new Error(`${path}: ${reasonOf(cause)}: what follows is not in it; see --logfile`, { cause });
    }
  };
  return {
    write(level, line) {
      const time = now();
      if (Math.abs(time - looked) >= LOOK_EVERY) {
        looked = time;
        if (wasMoved(path, descriptor)) reopen();
      }
      append(`${new Date(time).toISOString().slice(0, 19)}+00:00;${level.toUpperCase()};${line}\n`);
    },
    reopen,
    close: () => closeSync(descriptor),
  };
}

function open(path: string): number {
  return openSync(path, 'a', 0o644);
}

function wasMoved(path: string, descriptor: number): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  const ours = fstatSync(descriptor);
  return there === undefined || there.ino !== ours.ino || there.dev !== ours.dev;
}
