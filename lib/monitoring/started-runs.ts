import { randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as v from 'valibot';
import { codeOf, reasonOf, WhisperBackupError } from '../common/errors.ts';
import { formatTimestamp } from '../common/timestamp.ts';
import { flock } from '../system/flock.ts';
import type { OpenDirectory } from '../system/open-directory.ts';
import { openRegularFile } from '../system/regular-file.ts';
import { whyFileNotTrusted } from '../system/trust.ts';
import { openRuns, whyNotTrusted } from './host-records.ts';

/*
 * When a run starts, it creates `runs/<timestamp>.<uuid>.started` in the state directory and locks it. It removes the
 * file after writing its record. The kernel releases the lock when the process ends, so an unlocked file shows that the
 * run was killed or the host went down.
 */

const Schema = v.object({
  version: v.literal(1),
  command: v.picklist(['backup', 'restore', 'purge', 'prune']),
  started: v.pipe(v.string(), v.isoTimestamp()),
  pid: v.number(),
  bucket: v.string(),
  partial: v.pipe(v.array(v.string()), v.readonly()),
});

export type RunStart = Omit<v.InferOutput<typeof Schema>, 'version' | 'pid'>;

export interface StartedRun extends RunStart {
  readonly pid: number;
  /** Whether it still runs. If not, it was killed. */
  readonly isRunning: boolean;
}

interface StartMark {
  remove(): Promise<void>;
}

const SUFFIX = '.started';

/** How many files of killed runs are kept while no full backup succeeds. */
const DEAD_KEPT = 30;

/**
 * Creates the file of a run that starts.
 *
 * @throws Error as `openRuns` does.
 * @throws WhisperBackupError `NO_LOCKS` if the file system does not support locks.
 */
export async function markStart(stateDir: string, run: RunStart): Promise<StartMark> {
  const runs = await openRuns(stateDir);
  try {
    const name = `${formatTimestamp(new Date(run.started))}.${randomUUID()}${SUFFIX}`;
    const file = await createLocked(runs, name, run);
    await removeDead(stateDir, DEAD_KEPT);
    return {
      async remove() {
        await rm(runs.at(name), { force: true });
        await file.close();
        runs.close();
      },
    };
  } catch (error) {
    runs.close();
    throw error;
  }
}

/** @returns the file, which is locked as long as it is open. */
async function createLocked(runs: OpenDirectory, name: string, run: RunStart): Promise<FileHandle> {
  const temporary = runs.at(`.${name}.tmp`);
  const file = await open(temporary, 'wx', 0o644);
  try {
    await file.writeFile(`${JSON.stringify({ version: 1, ...run, pid: process.pid })}\n`);
    // Locked before it gets its final name, so that no reader finds it unlocked.
    await flock(file.fd, 'exclusive', { timeout: 0, file: temporary });
    await rename(temporary, runs.at(name));
    return file;
  } catch (error) {
    await rm(temporary, { force: true });
    await file.close();
    throw error;
  }
}

/**
 * Reads the runs that have started but have no record, oldest first.
 *
 * @param onUnusable called with the reason for each skipped file.
 */
export async function readStartedRuns(
  stateDir: string,
  onUnusable: (message: string) => void = () => {},
): Promise<readonly StartedRun[]> {
  const runs: StartedRun[] = [];
  // The reader of the records reports this.
  if ((await whyNotTrusted(stateDir)) !== undefined) return runs;
  for (const path of await startedFiles(stateDir)) {
    let file: FileHandle;
    try {
      const doubt = await whyFileNotTrusted(path);
      if (doubt !== undefined) throw new WhisperBackupError('NOT_TRUSTED', doubt);
      file = await openRegularFile(path);
    } catch (error) {
      // ENOENT: the run has just ended.
      if (codeOf(error) !== 'ENOENT') onUnusable(`Cannot read ${path}: ${reasonOf(error)}`);
      continue;
    }
    try {
      const isRunning = await isLocked(file, path);
      const { version: _, ...run } = v.parse(Schema, JSON.parse(await file.readFile('utf8')));
      runs.push({ ...run, isRunning });
    } catch (error) {
      onUnusable(`Cannot use ${path}: ${reasonOf(error)}`);
    } finally {
      await file.close();
    }
  }
  return runs;
}

/** Removes the files of killed runs, except the newest ones. */
export async function removeDead(stateDir: string, kept: number): Promise<void> {
  const dead: string[] = [];
  for (const path of await startedFiles(stateDir)) {
    const file = await openRegularFile(path).catch(() => undefined);
    if (file === undefined) continue;
    if (!(await isLocked(file, path).finally(() => file.close()))) dead.push(basename(path));
  }
  if (dead.length <= kept) return;
  const runs = await openRuns(stateDir);
  try {
    for (const name of dead.slice(0, dead.length - kept)) await rm(runs.at(name), { force: true });
  } finally {
    runs.close();
  }
}

async function startedFiles(stateDir: string): Promise<readonly string[]> {
  const directory = join(stateDir, 'runs');
  try {
    const names = await readdir(directory);
    return names
      .filter((name) => name.endsWith(SUFFIX))
      .sort()
      .map((name) => join(directory, name));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function isLocked(file: FileHandle, path: string): Promise<boolean> {
  try {
    await flock(file.fd, 'shared', { timeout: 0, file: path });
    return false;
  } catch (error) {
    if (codeOf(error) === 'LOCK_TIMEOUT') return true;
    throw error;
  }
}
