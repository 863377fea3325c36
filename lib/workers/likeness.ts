import { readFileSync } from 'node:fs';
import { codeOf, reasonOf, WhisperBackupError } from '../errors.ts';
import type { LockOptions, Room } from '../tree/readfile.ts';
import { readGently } from '../tree/readgently.ts';
import { isCompressed, parseHeader } from '../whisper/header.ts';
import { knownPoints } from '../whisper/info.ts';
import type { Point } from '../whisper/points.ts';
import { Scratch } from './scratch.ts';

/** A restored file and the live one of the same metric. It crosses to a worker thread, so it is plain data. */
export interface LikenessTask extends Pick<LockOptions, 'flock' | 'fileLockTimeout'> {
  readonly live: string;
  /** Nobody writes to it. */
  readonly restored: string;
  /** Points of the live file behind this do not count, in seconds since the epoch. */
  readonly until: number;
}

export interface Difference extends Point {
  /** Of the archive, in seconds. */
  readonly step: number;
  /** The value in the restored file; `value` is that of the live one. */
  readonly restored: number;
}

export type Likeness =
  | {
      readonly outcome: 'compared';
      /** Seconds of newest points that the restored file lacks; undefined when the live file has no points. */
      readonly lag?: number;
      /** How many points differ. */
      readonly differing: number;
      /** The first of them. */
      readonly examples: readonly Difference[];
    }
  /** `skipped`: it has vanished, is being created, or is of a format whose points cannot be read. */
  | { readonly outcome: 'skipped' | 'failed'; readonly code: string; readonly reason: string };

/** The thread's. */
const scratch = new Scratch();

const EXAMPLES = 20;

/** Reads the live file as a backup does, under its lock, and compares it with the restored one. Never throws. */
export function likeness(task: LikenessTask, stopped: () => boolean): Promise<Likeness> {
  return scratch.lend((room) => likenessIn(room, task, stopped));
}

async function likenessIn(room: Room, task: LikenessTask, stopped: () => boolean): Promise<Likeness> {
  try {
    const { bytes } = await readGently(task.live, { ...task, stopped }, room);
    if (bytes.length === 0) throw new WhisperBackupError('BEING_CREATED', `${task.live} is empty`);
    return compare(bytes, new Uint8Array(readFileSync(task.restored)), task);
  } catch (error) {
    const code = codeOf(error);
    const outcome = code === 'VANISHED' || code === 'BEING_CREATED' ? 'skipped' : 'failed';
    return { outcome, code, reason: reasonOf(error) };
  }
}

function compare(live: Uint8Array, restored: Uint8Array, { live: file, until }: LikenessTask): Likeness {
  if (isCompressed(live) || isCompressed(restored)) {
    const reason = "It is in go-carbon's compressed format: its points were not compared";
    return { outcome: 'skipped', code: 'WHISPER_COMPRESSED', reason };
  }
  const liveArchives = archivesOf(live, file);
  const archives = archivesOf(restored, 'the restored file');
  const newest = newestOf(archives);
  const differences: Difference[] = [];
  let differing = 0;
  for (const [step, points] of archives) {
    const values = new Map(liveArchives.get(step)?.map(({ timestamp, value }) => [timestamp, value]));
    for (const { timestamp, value: before } of points) {
      const value = values.get(timestamp);
      // The interval of the newest point, in each archive, may have been going on when the backup was made.
      if (value === undefined || Object.is(value, before) || value === before || timestamp + step > newest) continue;
      differing++;
      if (differences.length < EXAMPLES) differences.push({ step, timestamp, value, restored: before });
    }
  }
  const lag = lagOf(liveArchives, newest, until);
  return { outcome: 'compared', differing, examples: differences, ...(lag !== undefined && { lag }) };
}

/** The known points, by the archive's step. */
function archivesOf(bytes: Uint8Array, file: string): Map<number, Point[]> {
  try {
    const { archives } = parseHeader(bytes);
    return new Map(archives.map((archive) => [archive.secondsPerPoint, knownPoints(bytes, archive)]));
  } catch (cause) {
    throw new WhisperBackupError('LOCAL_DAMAGED', `Cannot compare ${file}: ${reasonOf(cause)}`, { cause });
  }
}

/** The newest point of any archive; 0 when there is none. */
function newestOf(archives: ReadonlyMap<number, readonly Point[]>): number {
  return Math.max(0, ...[...archives.values()].map((points) => points.at(-1)?.timestamp ?? 0));
}

/** From the newest restored point to the newest live one; without a restored one, all that the live file reaches back. */
function lagOf(live: ReadonlyMap<number, readonly Point[]>, newestRestored: number, until: number): number | undefined {
  const times = [...live.values()].flatMap((points) => {
    const last = points.findLast(({ timestamp }) => timestamp <= until);
    return last ? [last.timestamp] : [];
  });
  if (times.length === 0) return undefined;
  const oldest = Math.min(...[...live.values()].map((points) => points[0]?.timestamp ?? Number.POSITIVE_INFINITY));
  return Math.max(0, Math.max(...times) - (newestRestored || oldest));
}
