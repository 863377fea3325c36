import { findMetric } from '../../bucket/catalog.ts';
import { backupsBefore, hasJournal } from '../../bucket/metric.ts';
import { pathOf, pythonPathOf } from '../../bucket/metric-name.ts';
import { withDefaults } from '../../common/defaults.ts';
import { InvalidOptionError, WhisperBackupError } from '../../common/errors.ts';
import type { PlaceOptions, RunOptions } from '../../common/options.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import type { DamagedJournal } from '../../journal/runs.ts';
import type { ObjectStore } from '../../store/store.ts';
import { readLocked } from '../../tree/read-file.ts';
import { parseHeader } from '../../whisper/header.ts';
import { knownPoints } from '../../whisper/info.ts';
import { oddityOf } from '../../whisper/oddity.ts';
import { decodeBackup, fetchBackup } from '../../workers/tasks/decode.ts';
import { type Replayed, replayLines } from '../../workers/tasks/replay-lines.ts';
import { journalLinesOf } from './journal-lines.ts';
import { type ListedBackup, listed } from './list.ts';

export interface ShownArchive {
  readonly secondsPerPoint: number;
  readonly points: number;
  /** In seconds. */
  readonly retention: number;
  /** Number of slots that have a point. */
  readonly known: number;
  /** Oldest first. */
  readonly series: readonly { readonly timestamp: number; readonly value: number }[];
}

export interface Shown {
  /** Path of the file or name of the metric. */
  readonly name: string;
  /** The backup, unless a local file was read. */
  readonly backup?: ListedBackup;
  /** Size of the uncompressed file. */
  readonly bytes: number;
  readonly aggregation: string;
  readonly xFilesFactor: number;
  /** In seconds. */
  readonly maxRetention: number;
  /** Why the file is odd; absent if it is not. */
  readonly oddity?: string;
  readonly archives: readonly ShownArchive[];
  /** What the journal added to the backup; absent if it has nothing newer. */
  readonly journal?: { readonly points: number /** Time of the newest point. */; readonly reached: string };
  /** How many lines of the journal were left out because they are not points; absent if none. */
  readonly malformed?: number;
  /** Time of the first point behind missing ones: the runs that had them have expired or cannot be read. */
  readonly gap?: string;
  /** Indexes and parts of the journal that were left out. */
  readonly damaged: readonly DamagedJournal[];
}

interface ShowFileOptions {
  /** Unix time in seconds: excludes points that are outside of their archive's retention at this time. */
  readonly now?: number;
  /** @default true */
  readonly flock?: boolean;
  /** In seconds. @default 10 */
  readonly fileLockTimeout?: number;
  readonly signal?: AbortSignal;
}

/**
 * Reads a local Whisper file.
 *
 * @throws WhisperError if it is damaged.
 * @throws WhisperBackupError if it cannot be read.
 */
export async function showFile(path: string, options: ShowFileOptions): Promise<Shown> {
  const { now, ...others } = options;
  const { fileLockTimeout, flock, signal } = withDefaults(others);
  return shown(path, await readLocked(path, { flock, fileLockTimeout, stopped: () => signal.aborted }), now);
}

interface ShowStoredOptions extends RunOptions, PlaceOptions {
  /** Show the newest backup strictly before this time, and the journal up to it. @default the newest */
  readonly date?: Date;
  /** Apply the points of the journal. @default true */
  readonly journal?: boolean;
}

/**
 * Reads a backup of a metric and applies the journal, as a restore would.
 *
 * @throws WhisperBackupError `NOTHING_MATCHED` if there is none.
 * @throws CompressionError or WhisperError if it is damaged.
 */
export async function showStored(store: ObjectStore, metric: string, options: ShowStoredOptions): Promise<Shown> {
  const { date, journal = true, signal } = withDefaults(options);
  await store.open({ create: false, signal });
  const path = pathOf(metric) ?? pythonPathOf(metric);
  if (path === undefined)
    throw new InvalidOptionError(`Cannot show ${JSON.stringify(metric)}: it is not the name of a metric`);
  const stored = await findMetric(store, options, path, signal);
  const backup = stored && backupsBefore(stored, date).at(-1);
  if (!stored || !backup) {
    const before = date ? ` before ${formatTimestamp(date)}` : '';
    throw new WhisperBackupError(
      'NOTHING_MATCHED',
      `Cannot show ${JSON.stringify(metric)}: ${store.name} has no backup of it${before}`,
    );
  }
  const data = await decodeBackup(await fetchBackup(backup, store, signal, false));
  const damaged: DamagedJournal[] = [];
  const span = { since: backup.time, ...(date && { date }) };
  const lines =
    journal && hasJournal(backup)
      ? await journalLinesOf(store, stored.order, { ...options, ...span, signal }, (named) => damaged.push(named))
      : [];
  const replayed = replayLines(data, lines, date && Math.floor(date.getTime() / 1000));
  const fromJournal = replayed && ofJournal(replayed);
  return { ...shown(metric, data, undefined), backup: listed(stored, backup), ...fromJournal, damaged };
}

function ofJournal({ points, newest, malformed, gap }: Replayed): Pick<Shown, 'journal' | 'malformed' | 'gap'> {
  return {
    ...(points > 0 && { journal: { points, reached: textOf(newest) } }),
    ...(malformed > 0 && { malformed }),
    ...(gap !== undefined && { gap: textOf(gap) }),
  };
}

/** @param time Unix time in seconds. */
function textOf(time: number): string {
  return formatTimestamp(new Date(time * 1000));
}

function shown(name: string, data: Uint8Array, now: number | undefined): Shown {
  const header = parseHeader(data);
  const archives = header.archives.map((archive) => {
    const { secondsPerPoint, points, retention } = archive;
    const series = knownPoints(data, archive, now === undefined ? {} : { now });
    return { secondsPerPoint, points, retention, known: series.length, series };
  });
  const { aggregation, xFilesFactor, maxRetention } = header;
  const oddity = oddityOf(header, data.length);
  const shown = { name, bytes: data.length, aggregation, xFilesFactor, maxRetention, archives, damaged: [] };
  return { ...shown, ...(oddity !== undefined && { oddity }) };
}
