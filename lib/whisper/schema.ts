import { WhisperError } from './errors.ts';
import { ARCHIVE_INFO_SIZE, METADATA_SIZE, POINT_SIZE } from './header.ts';

export interface ArchiveSpec {
  readonly secondsPerPoint: number;
  readonly points: number;
}

/** The largest file that this library creates: 2 GiB. */
const MAX_SIZE = 2 ** 31;
const MAX_UINT32 = 2 ** 32 - 1;

/**
 * Checks a list of archives by Whisper's rules, and returns it finest first.
 *
 * There must be at least one archive. Each step must be a multiple of the next finer step, and larger. Each archive
 * must have a longer retention than the next finer one, which must have enough points for one slot of it. Unlike
 * Whisper, this also rejects steps and numbers of points that are not positive integers.
 *
 * @throws WhisperError `WHISPER_INVALID_SCHEMA`
 */
export function validateArchiveList(archives: readonly ArchiveSpec[]): ArchiveSpec[] {
  if (archives.length === 0) throw invalid('there must be at least one archive');
  for (const archive of archives) {
    const { secondsPerPoint, points } = archive;
    if (!isCount(secondsPerPoint) || !isCount(points) || !isCount(secondsPerPoint * points)) {
      throw invalid(`steps, points and retentions must be integers from 1 to ${MAX_UINT32}, got ${name(archive)}`);
    }
  }
  const sorted = archives.toSorted((a, b) => a.secondsPerPoint - b.secondsPerPoint);
  for (const [i, archive] of sorted.entries()) {
    const coarser = sorted[i + 1];
    if (coarser !== undefined) checkPair(archive, coarser);
  }
  const points = sorted.reduce((total, archive) => total + archive.points, 0);
  const size = METADATA_SIZE + sorted.length * ARCHIVE_INFO_SIZE + points * POINT_SIZE;
  if (size > MAX_SIZE) throw invalid(`the file would have ${size} bytes, the limit is ${MAX_SIZE}`);
  return sorted;
}

function checkPair(finer: ArchiveSpec, coarser: ArchiveSpec): void {
  if (finer.secondsPerPoint === coarser.secondsPerPoint) {
    throw invalid(`two archives have the same step: ${name(finer)} and ${name(coarser)}`);
  }
  if (coarser.secondsPerPoint % finer.secondsPerPoint !== 0) {
    throw invalid(`the step of ${name(coarser)} must be a multiple of that of ${name(finer)}`);
  }
  if (coarser.secondsPerPoint * coarser.points <= finer.secondsPerPoint * finer.points) {
    throw invalid(`the retention of ${name(coarser)} must be longer than that of ${name(finer)}`);
  }
  const consolidated = coarser.secondsPerPoint / finer.secondsPerPoint;
  if (finer.points < consolidated) {
    throw invalid(
      `${name(finer)} must have at least ${consolidated} points, which become one point of ${name(coarser)}`,
    );
  }
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= MAX_UINT32;
}

function name(archive: ArchiveSpec): string {
  return `${archive.secondsPerPoint}:${archive.points}`;
}

function invalid(why: string): WhisperError {
  return new WhisperError('WHISPER_INVALID_SCHEMA', `Not a valid Whisper schema: ${why}`);
}
