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
 * The records of this host's runs: `runs/<timestamp>.json` in the state directory, by the time when each run ended.
 */

/**
 * The times of the records that are there, oldest first.
 *
 * @throws when the directory is there and cannot be read.
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
 * Writes a record, whole or not at all, and deletes the oldest but for those that are kept.
 *
 * @param ended what it is kept under.
 * @throws WhisperBackupError `NOT_TRUSTED` for a directory that other users may write; or the system's error.
 */
export async function writeRunFile(stateDir: string, record: NewRunRecord, ended: Date): Promise<void> {
  const runs = await openRuns(stateDir);
  try {
    const temporary = runs.at(`.${randomUUID()}.tmp`);
    try {
      const file = await open(temporary, 'wx', 0o644);
      try {
        await file.writeFile(formatRunRecord(record));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, runs.at(`${formatTimestamp(ended)}.json`));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    const times = timesOf(await readdir(runs.at('.')));
    for (const time of surplusRecords(times, (one) => parseTimestamp(one) ?? ended, { ...record, now: ended }))
      await rm(runs.at(`${time}.json`), { force: true });
  } finally {
    runs.close();
  }
}

/**
 * Opens the directory of the records, and makes it where it is missing. It belongs to the owner of the state directory:
 * a run by root, by hand, must not keep that user from leaving records later, nor may that user lead root elsewhere.
 *
 * @returns to be closed.
 * @throws WhisperBackupError `NOT_TRUSTED` for a directory that other users may write; or the system's error.
 */
export async function openRuns(stateDir: string): Promise<OpenDirectory> {
  await makeDirectories(stateDir, 0o755);
  const distrust = await whyNotTrusted(stateDir);
  if (distrust !== undefined) throw new WhisperBackupError('NOT_TRUSTED', distrust);
  return placeDirectory(stateDir, 'runs', {});
}

/** Another user could leave records there of backups that never were, or send what is written there elsewhere. */
export async function whyNotTrusted(stateDir: string): Promise<string | undefined> {
  return (await whyDirectoryNotTrusted(stateDir)) ?? (await whyDirectoryNotTrusted(join(stateDir, 'runs')));
}

/**
 * Reads the records of this host, the newest first. Other files, and records ahead of the clock, are skipped.
 *
 * @param onUnusable called with what is skipped, and why.
 * @throws when the directory is there and cannot be read.
 */
export async function* readRunFiles(
  stateDir: string,
  now: Date,
  onUnusable: (message: string) => void,
): AsyncGenerator<RunRecord, void, void> {
  const distrust = await whyNotTrusted(stateDir);
  if (distrust !== undefined) {
    onUnusable(`The records of runs in ${stateDir} are not used: ${distrust}`);
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
      if (doubt !== undefined) throw new WhisperBackupError('NOT_TRUSTED', `A record of a run is not used: ${doubt}`);
      record = parseRunRecord(await readRegularFile(path), path);
    } catch (error) {
      onUnusable(reasonOf(error));
      continue;
    }
    if (isAhead(new Date(record.finished), now)) onUnusable(aheadText([record.finished], path));
    else yield record;
  }
}
