import { randomUUID } from 'node:crypto';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, reasonOf, WhisperBackupError } from '../common/errors.ts';
import { formatTimestamp, parseTimestamp } from '../common/timestamp.ts';
import { makeDirectories } from '../system/make-directories.ts';
import type { OpenDirectory } from '../system/open-directory.ts';
import { readRegularFile } from '../system/regular-file.ts';
import { whyDirectoryNotTrusted, whyFileNotTrusted } from '../system/trust.ts';
import { placeDirectory } from '../tree/place.ts';
import {
  aheadText,
  formatRunRecord,
  isAhead,
  type NewRunRecord,
  parseRunRecord,
  type RunRecord,
  surplusRecords,
} from './run-record.ts';

/*
 * The run records of this host: `runs/<timestamp>.json` in the state directory, where the timestamp is the end of the
 * run.
 */

/**
 * Returns the timestamps of the existing records, oldest first.
 *
 * @throws Error of the system if the directory exists but cannot be read.
 */
export async function runFileTimes(stateDir: string): Promise<readonly string[]> {
  try {
    return timesOf(await readdir(join(stateDir, 'runs')));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function timesOf(names: readonly string[]): string[] {
  return names.flatMap((name) => timeOf(name) ?? []).sort();
}

function timeOf(name: string): string | undefined {
  if (!name.endsWith('.json')) return undefined;
  const time = name.slice(0, -'.json'.length);
  return parseTimestamp(time) && time;
}

/**
 * Writes a record atomically, and deletes surplus old ones.
 *
 * @param ended end of the run, which is in the file name.
 * @throws WhisperBackupError `NOT_TRUSTED` if other users may write to the directory.
 */
export async function writeRunFile(stateDir: string, record: NewRunRecord, ended: Date): Promise<void> {
  const runs = await openRuns(stateDir);
  try {
    await writeAtomically(runs, `${formatTimestamp(ended)}.json`, formatRunRecord(record));
    const times = timesOf(await readdir(runs.at('.')));
    for (const time of surplusRecords(times, (one) => parseTimestamp(one) ?? ended, { ...record, now: ended }))
      await rm(runs.at(`${time}.json`), { force: true });
  } finally {
    runs.close();
  }
}

/** Writes a file in the directory of the records so that it is never incomplete. */
export async function writeAtomically(runs: OpenDirectory, name: string, text: string): Promise<void> {
  const temporary = runs.at(`.${randomUUID()}.tmp`);
  try {
    const file = await open(temporary, 'wx', 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, runs.at(name));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Opens the directory of the records, and creates it if it is missing. It gets the owner of the state directory, so
 * that a manual run by root does not prevent that user from writing records later. That user cannot redirect root to
 * another directory.
 *
 * @returns an open directory that the caller must close.
 * @throws WhisperBackupError `NOT_TRUSTED` if other users may write to the directory.
 */
export async function openRuns(stateDir: string): Promise<OpenDirectory> {
  await makeDirectories(stateDir, 0o755);
  const distrust = await whyNotTrusted(stateDir);
  if (distrust !== undefined) throw new WhisperBackupError('NOT_TRUSTED', distrust);
  return placeDirectory(stateDir, 'runs', {});
}

/**
 * Checks that no other user can fake records or redirect writes in the state directory.
 *
 * @returns why the directory is not trusted, or undefined.
 */
export async function whyNotTrusted(stateDir: string): Promise<string | undefined> {
  return (await whyDirectoryNotTrusted(stateDir)) ?? (await whyDirectoryNotTrusted(join(stateDir, 'runs')));
}

/**
 * Reads the records of this host, the newest first. Skips other files and records dated ahead of the clock.
 *
 * @param onUnusable called with the reason for each skipped record.
 * @throws Error of the system if the directory exists but cannot be read.
 */
export async function* readRunFiles(
  stateDir: string,
  now: Date,
  onUnusable: (message: string) => void,
): AsyncGenerator<RunRecord, void, void> {
  const distrust = await whyNotTrusted(stateDir);
  if (distrust !== undefined) {
    onUnusable(`The run records in ${stateDir} are not used: ${distrust}`);
    return;
  }
  const times = [...(await runFileTimes(stateDir))].reverse();
  const isLater = (time: string) => isAhead(parseTimestamp(time) ?? now, now);
  const ahead = times.filter(isLater);
  if (ahead.length > 0) onUnusable(aheadText(ahead, join(stateDir, 'runs')));
  for (const time of times) {
    if (isLater(time)) continue;
    const path = join(stateDir, 'runs', `${time}.json`);
    let record: RunRecord;
    try {
      const doubt = await whyFileNotTrusted(path);
      if (doubt !== undefined) throw new WhisperBackupError('NOT_TRUSTED', `A run record is not used: ${doubt}`);
      record = parseRunRecord(await readRegularFile(path), path);
    } catch (error) {
      onUnusable(reasonOf(error));
      continue;
    }
    if (isAhead(new Date(record.finished), now)) onUnusable(aheadText([record.finished], path));
    else yield record;
  }
}
