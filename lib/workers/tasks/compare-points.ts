import { closeSync } from 'node:fs';
import type { SkipCode } from '../../common/codes.ts';
import { codeOf, type ErrorCode, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { Workspace } from '../../common/workspace.ts';
import { type LockOptions, openRegular, readInto } from '../../tree/read-file.ts';
import { readGently } from '../../tree/read-gently.ts';
import { isCompressed, parseHeader } from '../../whisper/header.ts';
import { inspect } from '../../whisper/inspect.ts';
import { alignDown, type Point, Ring } from '../../whisper/points.ts';
import type { TaskContext } from '../context.ts';

/** A restored file and the live file of the same metric. */
interface ComparePointsTask extends Pick<LockOptions, 'flock' | 'fileLockTimeout'> {
  readonly live: string;
  /** Not locked, because no other process writes to it. */
  readonly restored: string;
  /** Later points of the live file do not count for the lag; Unix time in seconds. */
  readonly until: number;
}

interface Difference extends Point {
  /** Seconds per point of the archive. */
  readonly step: number;
  /** The value in the restored file; `value` is the one in the live file. */
  readonly restored: number;
}

export type PointComparison =
  | {
      readonly outcome: 'compared';
      /** How many seconds older the newest restored point is; undefined if the live file has no points. */
      readonly lag?: number;
      readonly differing: number;
      /** The first differing points. */
      readonly examples: readonly Difference[];
    }
  /** The live file vanished or is being created, or the points of either file cannot be read. */
  | { readonly outcome: 'skipped'; readonly code: SkipCode; readonly reason: string }
  | { readonly outcome: 'failed'; readonly code: ErrorCode; readonly reason: string };

const liveWorkspace = new Workspace();
const restoredWorkspace = new Workspace();

const MAX_EXAMPLES = 20;

/** Compares a restored file with the live one, which is read as by a backup. Never throws. */
export async function comparePoints(
  task: ComparePointsTask,
  { stopped }: Pick<TaskContext, 'stopped'>,
): Promise<PointComparison> {
  try {
    return await readGently(task.live, { ...task, stopped }, liveWorkspace.allocate, ({ bytes }) => {
      if (bytes.length === 0) throw new WhisperBackupError('BEING_CREATED', `${task.live} is empty`);
      return compare(bytes, readRestored(task.restored), task);
    });
  } catch (error) {
    const code = codeOf(error);
    const outcome = code === 'VANISHED' || code === 'BEING_CREATED' ? 'skipped' : 'failed';
    return { outcome, code, reason: reasonOf(error) };
  }
}

function readRestored(file: string): Uint8Array {
  const { fd, stats } = openRegular(file, 'read');
  try {
    const size = Number(stats.size);
    return readInto(fd, restoredWorkspace.allocate(size).subarray(0, size));
  } finally {
    closeSync(fd);
  }
}

function compare(live: Uint8Array, restored: Uint8Array, { live: file, until }: ComparePointsTask): PointComparison {
  if (isCompressed(live) || isCompressed(restored)) {
    const reason = "It is in go-carbon's compressed format: its points were not compared";
    return { outcome: 'skipped', code: 'WHISPER_COMPRESSED', reason };
  }
  if (inspect(restored).verdict === 'damaged') {
    if (Buffer.compare(live, restored) === 0) return { outcome: 'compared', differing: 0, examples: [] };
    const reason = 'The file was damaged when it was backed up: its points were not compared';
    return { outcome: 'skipped', code: 'DAMAGED_FILE', reason };
  }
  const liveRings = ringsOf(live, file);
  const rings = ringsOf(restored, 'the restored file');
  const newest = newestOf(rings.values(), Number.POSITIVE_INFINITY) ?? 0;
  const differences: Difference[] = [];
  let differing = 0;
  // Points older than the newest restored one that the live file got since. They change its coarser archives, too.
  const lateTimes = new Set<number>();
  for (const [name, ring] of rings) {
    const liveRing = liveRings.get(name);
    if (!liveRing) continue;
    const step = ring.archive.secondsPerPoint;
    const late = new Set([...lateTimes].map((time) => alignDown(time, step)));
    for (const timestamp of timesIn(ring)) {
      const value = liveRing.get(timestamp);
      const before = ring.get(timestamp);
      // The interval of the newest point may have been incomplete when the backup was made, in each archive.
      if (value === undefined || before === undefined || timestamp + step > newest || late.has(timestamp)) continue;
      if (value === before || Object.is(value, before)) continue;
      differing++;
      if (differences.length < MAX_EXAMPLES) differences.push({ step, timestamp, value, restored: before });
    }
    for (const time of timesIn(liveRing)) if (time < newest && ring.get(time) === undefined) lateTimes.add(time);
  }
  const last = newestOf(liveRings.values(), until);
  const lag = last === undefined ? undefined : Math.max(0, last - (newest || oldestOf(liveRings.values())));
  return { outcome: 'compared', differing, examples: differences, ...(lag !== undefined && { lag }) };
}

/** Returns the archives, finest first, by step and a number: an odd file may have several with the same step. */
function ringsOf(bytes: Uint8Array, file: string): Map<string, Ring> {
  try {
    const archives = parseHeader(bytes).archives.toSorted((a, b) => a.secondsPerPoint - b.secondsPerPoint);
    const rings = new Map<string, Ring>();
    for (const archive of archives) {
      let twins = 0;
      while (rings.has(`${archive.secondsPerPoint} ${twins}`)) twins++;
      rings.set(`${archive.secondsPerPoint} ${twins}`, new Ring(bytes, archive));
    }
    return rings;
  } catch (cause) {
    throw new WhisperBackupError('LOCAL_DAMAGED', `Cannot compare ${file}: ${reasonOf(cause)}`, { cause });
  }
}

function* timesIn(ring: Ring): Generator<number> {
  for (let i = 0; i < ring.archive.points; i++) if (ring.isPointAt(i)) yield ring.timestampAt(i);
}

function newestOf(rings: Iterable<Ring>, until: number): number | undefined {
  let newest: number | undefined;
  for (const ring of rings) for (const time of timesIn(ring)) if (time <= until && time > (newest ?? 0)) newest = time;
  return newest;
}

function oldestOf(rings: Iterable<Ring>): number {
  let oldest = Number.POSITIVE_INFINITY;
  for (const ring of rings) for (const time of timesIn(ring)) if (time < oldest) oldest = time;
  return oldest;
}
