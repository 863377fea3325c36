import { type JournalLines, parseLines } from '../../journal/points.ts';
import { hasSlot, replay } from '../../whisper/replay.ts';

export interface Replayed {
  readonly points: number;
  /** The newest point: Unix time in seconds. */
  readonly newest: number;
  /** How many lines were left out because they are not points. */
  readonly malformed: number;
  /** The first point after missing ones: Unix time in seconds. */
  readonly gap?: number;
}

/**
 * Applies lines of the journal to a file in memory.
 *
 * @param journal in the order of the runs.
 * @param date leave out later points: Unix time in seconds. @default none
 * @returns undefined if there were no lines.
 * @throws WhisperError `WHISPER_DAMAGED` or `WHISPER_COMPRESSED` if the file is not usable.
 */
export function replayLines(
  bytes: Uint8Array,
  journal: readonly JournalLines[],
  date = Number.POSITIVE_INFINITY,
): Replayed | undefined {
  let points = 0;
  let newest = 0;
  let malformed = 0;
  let gap: number | undefined;
  for (const { until, lines, isAfterGap } of journal) {
    const parsed = parseLines(lines);
    const isLimited = date !== Number.POSITIVE_INFINITY;
    const applied = isLimited ? parsed.points.filter(({ timestamp }) => timestamp <= date) : parsed.points;
    const [first] = applied;
    // A run begins with the newest slot that the run before has read.
    if (isAfterGap && first && !hasSlot(bytes, first.timestamp, until)) gap = first.timestamp;
    points += replay(bytes, applied, { until, ...(gap !== undefined && { after: gap }) });
    newest = Math.max(newest, applied.at(-1)?.timestamp ?? 0);
    malformed += parsed.malformed;
  }
  return points + malformed === 0 ? undefined : { points, newest, malformed, ...(gap !== undefined && { gap }) };
}
