import { closeSync, constants, fstatSync, lstatSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, reasonOf } from '../../../lib/common/errors.ts';
import { locateFile } from '../../../lib/system/descent.ts';
import { assertNoForeignHardLink } from '../../../lib/system/link-rule.ts';
import { makeDirectories } from '../../../lib/system/make-directories.ts';
import type { LogSink } from './log.ts';
import { writeAll } from './write-all.ts';

/** Interval between checks for a rotated file, in milliseconds. */
const CHECK_INTERVAL_MS = 1000;

/**
 * Opens a log file and appends lines like `2026-11-22T03:14:15+00:00;INFO;message`. A line is in the kernel when `write`
 * returns, so a crash of the program loses none. Opens a new file when logrotate has moved the old one.
 *
 * @param now current time in milliseconds.
 * @throws if the file cannot be opened. Missing directories are created.
 */
export async function openLogFile(path: string, now: () => number = Date.now): Promise<LogSink> {
  await makeDirectories(dirname(path), 0o755);
  let descriptor = open(path);
  let checked = now();

  const reopen = (): void => {
    const fresh = open(path);
    closeSync(descriptor);
    descriptor = fresh;
  };
  const append = (line: string): void => {
    try {
      writeAll(descriptor, line);
    } catch (cause) {
      throw new Error(`${path}: ${reasonOf(cause)}: the log ends here; see --logfile`, { cause });
    }
  };
  return {
    write(level, line) {
      const time = now();
      if (Math.abs(time - checked) >= CHECK_INTERVAL_MS) {
        checked = time;
        if (wasMoved(path, descriptor)) reopen();
      }
      append(`${new Date(time).toISOString().slice(0, 19)}+00:00;${level.toUpperCase()};${line}\n`);
    },
    reopen,
    close: () => closeSync(descriptor),
  };
}

const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;

/**
 * Opens without blocking: a FIFO without a reader would hang the run, even on signals. Opens relative to directory
 * descriptors: in a directory of the service user, that user could redirect root's writes to any file.
 */
function open(path: string): number {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() && found.uid !== 0 && found.uid !== process.geteuid?.())
    throw new Error(`${path} is a symbolic link of user ${found.uid}, not of root or this user: remove it`);
  // Such paths are links to open files and devices: /dev/stderr.
  if (/^\/(?:dev|proc)\/(?!shm\/)/.test(path)) return openSync(path, APPEND | constants.O_NONBLOCK);
  const place = locateFile(path, true);
  try {
    const descriptor = openSync(place.at, APPEND | constants.O_NONBLOCK | constants.O_NOFOLLOW, 0o644);
    try {
      assertNoForeignHardLink(path, fstatSync(descriptor), place.directory.stats());
      return descriptor;
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  } catch (error) {
    throw Object.assign(new Error(reasonOf(error).replace(place.at, path), { cause: error }), { code: codeOf(error) });
  } finally {
    place.close();
  }
}

function wasMoved(path: string, descriptor: number): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  const ours = fstatSync(descriptor);
  return there === undefined || there.ino !== ours.ino || there.dev !== ours.dev;
}
