import type { RestoreSummary } from '../../../lib/operations/restore/restore.ts';
import { type WindowOptions, windowText } from '../../../lib/operations/restore/restored-window.ts';

/** For the codes that no other line explains. */
const WORDS: Readonly<Record<string, string>> = {
  NO_BACKUP: 'without a backup to restore',
  GONE: 'no longer in the local tree at that date',
};

/** Formats for people what was restored, from when, and what not, one per line. */
export function restoreLines(summary: RestoreSummary): string[] {
  const { counts, dryRun, notRestored = {} } = summary;
  const { restored = 0, replaced = 0, backfilled = 0, unchanged = 0 } = counts;
  const figures = [
    `${restored - replaced} created`,
    ...(replaced > 0 ? [`${replaced} replaced`] : []),
    ...(backfilled > 0 ? [`${backfilled} ${pointsText(summary)}`] : []),
    `${unchanged} unchanged`,
  ];
  const lines = [...usedLines(summary), `${dryRun ? 'would be restored' : 'restored'}: ${figures.join(', ')}`];
  const { journalLinesLeft = 0 } = counts;
  if (journalLinesLeft > 0) lines.push(`lines of the journal that were left out: ${journalLinesLeft}`);
  const left = Object.entries(notRestored);
  if (left.length === 0) return lines;
  const sum = left.reduce((total, [, count]) => total + count, 0);
  const reasons = left.toSorted(([, a], [, b]) => b - a).map(([code, count]) => `${count} ${WORDS[code] ?? code}`);
  return [...lines, `not restored: ${sum} ${sum === 1 ? 'metric' : 'metrics'}: ${reasons.join(', ')}`];
}

function pointsText(summary: RestoreSummary): string {
  if (!isWindow(summary)) return `filled (${summary.counts.pointsFilled ?? 0} points)`;
  return `changed in the window (${countsText(summary)})`;
}

export function isWindow({ counts }: RestoreSummary): boolean {
  return counts.pointsReplaced !== undefined;
}

function countsText({ counts }: RestoreSummary): string {
  const { pointsFilled = 0, pointsReplaced = 0, pointsErased = 0, pointsKept = 0 } = counts;
  return windowText({ filled: pointsFilled, replaced: pointsReplaced, erased: pointsErased, kept: pointsKept });
}

/** How many points changed in a window; nothing without one. */
export function windowLines(summary: RestoreSummary): string[] {
  return isWindow(summary) ? [`in the window: ${countsText(summary)}`] : [];
}

/** From when the restored points are. */
export function usedLines({ backups, counts, reached }: RestoreSummary): string[] {
  const { pointsReplayed = 0 } = counts;
  const lines: string[] = [];
  if (backups) {
    const { oldest, newest } = backups;
    lines.push(oldest === newest ? `backups used: from ${newest}` : `backups used: oldest ${oldest}, newest ${newest}`);
  }
  if (reached !== undefined) lines.push(`journal: ${pointsReplayed} points, up to ${reached}`);
  return lines;
}

/** What to do after the restore of a window. @param date that was given. */
export function windowAdvice(
  { counts, backups, dryRun, reached }: RestoreSummary,
  { from, erase = false }: WindowOptions,
  date: Date | undefined,
): string[] {
  const { pointsFilled = 0, pointsReplaced = 0, pointsErased = 0, pointsKept = 0 } = counts;
  const isNewer = [backups?.newest, reached].some((time) => time !== undefined && new Date(time) >= from);
  const advice: string[] = [];
  if (!date && isNewer)
    advice.push(
      `Backups or points of the journal that were used are newer than --from, and may have the bad points: use --date with a time before these were written`,
    );
  if (pointsKept > 0 && !erase)
    advice.push(`${pointsKept} points that no backup has were kept: --erase removes such points`);
  if (!dryRun && pointsFilled + pointsReplaced + pointsErased > 0)
    advice.push(
      'Run a backup now: until then, a restore may take the replaced points from the newest backup or the journal again',
    );
  return advice;
}
