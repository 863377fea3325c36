import type { Point } from '../carbon/plaintext.ts';
import type { Count } from '../common/codes.ts';
import type { Summary } from '../common/summary.ts';

export const reportingCommands = ['backup', 'journal', 'restore', 'purge', 'verify', 'prune'] as const;

export type ReportingCommand = (typeof reportingCommands)[number];

export interface FinishedRun {
  /** The host that ran; of a prune, which runs for many hosts, the bucket. */
  readonly host: string;
  readonly command: ReportingCommand;
  /** ISO-8601. */
  readonly finished: string;
  readonly seconds: number;
  readonly exitCode: number;
  /** Absent if the run ended with an error. */
  readonly summary?: Pick<Summary, 'counts'>;
}

/** A figure that runs send to carbon: `<prefix>.<host>.<command>.<name>`. */
interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly meaning: string;
  /** The name in `summary.counts`, or a function of the run. */
  readonly from: Count | ((run: FinishedRun) => number | undefined);
  /** Commands that send it. A count is only sent if the summary has it. */
  readonly commands: readonly ReportingCommand[];
}

const all = reportingCommands;
const backup = ['backup'] as const;
const storing = ['backup', 'journal'] as const;
const restore = ['restore'] as const;
const verify = ['verify'] as const;
const expiring = ['backup', 'purge'] as const;

/** Dashboards and alert rules query these names, so names may be added but not changed or removed. */
export const figureTable: readonly Figure[] = [
  {
    name: 'last_success',
    unit: 'epoch s',
    meaning: 'End of the last run with exit code 0; a failed run does not send it',
    from: ({ exitCode, finished }) => (exitCode === 0 ? epochOf(finished) : undefined),
    commands: all,
  },
  {
    name: 'last_run',
    unit: 'epoch s',
    meaning: 'End of the last run, successful or not',
    from: ({ finished }) => epochOf(finished),
    commands: all,
  },
  {
    name: 'exit_code',
    unit: 'code',
    meaning: 'The exit code, see the README',
    from: ({ exitCode }) => exitCode,
    commands: all,
  },
  { name: 'seconds', unit: 's', meaning: 'Duration of the run', from: ({ seconds }) => seconds, commands: all },

  count('files.total', 'files', 'metrics', 'Selected metrics', all),
  count('files.stored', 'files', 'stored', 'Files that changed and were stored; journal: files stored whole', storing),
  count('files.unchanged', 'files', 'unchanged', 'Files equal to their newest backup; nothing was written', [
    ...storing,
    'restore',
  ]),
  count('files.journaled', 'files', 'journaled', 'Files whose new points were stored', ['journal']),
  count('files.restored', 'files', 'restored', 'Files that were missing or to be replaced, and were restored', restore),
  count('files.backfilled', 'files', 'backfilled', 'Existing files that got missing points', restore),
  count(
    'files.refilled',
    'files',
    'refilled',
    'Files that another process emptied or replaced meanwhile, and that were filled again',
    restore,
  ),
  count('files.skipped', 'files', 'skipped', 'Skipped, which is not an error', [...storing, 'restore', 'verify']),
  count('files.failed', 'files', 'failed', 'Failed; see the log and the summary', all),
  count('files.same', 'files', 'same', 'With --compare: equal to their newest backup', verify),
  count('files.changed', 'files', 'changed', 'With --compare: changed since their newest backup', verify),
  count('files.gone', 'files', 'gone', 'With --compare: backups without a local file', verify),
  count('files.never_stored', 'files', 'neverStored', 'With --compare: local files without a backup', verify),
  count('files.unknown', 'files', 'unknown', 'With --compare: could not be compared', verify),
  count('files.shrunk', 'files', 'shrunk', 'Newest backup less than half as large as the largest', expiring),
  count('files.tombstoned', 'files', 'tombstones', 'Missing for the first time, and marked with a tombstone', expiring),
  count('files.purged', 'files', 'purged', 'Missing for longer than `purge` days: all their backups were deleted', [
    ...expiring,
    'prune',
  ]),
  count('files.contradicting', 'files', 'contradictions', 'Left alone: their dates contradict the times of the store', [
    'prune',
  ]),
  count('files.leftovers', 'files', 'leftovers', 'Temporary files of killed runs, removed', expiring),

  count('backups.total', 'backups', 'backups', 'Backups that were verified', verify),
  count('backups.read', 'backups', 'read', 'With --read-data: backups whose content was checked', verify),
  count('backups.damaged', 'backups', 'damaged', 'Backups that no restore can use', verify),
  count('backups.unfinished', 'backups', 'unfinished', 'Backups whose upload was not finished', verify),
  count('backups.odd', 'backups', 'odd', 'Stored, restored or read backups of usable but odd files', [
    ...backup,
    ...restore,
    ...verify,
  ]),
  count(
    'backups.of_damaged',
    'backups',
    'damagedFiles',
    'Stored, restored or read backups of files that were already damaged',
    [...backup, ...restore, ...verify],
  ),
  count('backups.moved', 'backups', 'moved', 'With --repair: damaged backups that were moved away', verify),
  count(
    'objects.removed',
    'objects',
    'removed',
    'With --repair: deleted keys that were listed without an object',
    verify,
  ),
  count(
    'backups.fallbacks',
    'backups',
    'fallbacks',
    'With --fallback: damaged backups for which an older one was used',
    restore,
  ),
  count('backups.retired', 'backups', 'retired', 'Backups that retention deleted', [...backup, 'prune']),

  count('objects.deleted', 'objects', 'deleted', 'Objects deleted from the bucket', [...expiring, 'journal', 'prune']),
  count('objects.foreign', 'objects', 'foreignKeys', 'Foreign objects in the bucket, which are ignored', all),
  count('objects.lone_sha1s', 'objects', 'loneSha1s', 'Checksums of the Python tool without data', expiring),

  count('bytes.read', 'bytes', 'bytesRead', 'Read from local files', storing),
  count('bytes.stored', 'bytes', 'bytesStored', 'Sent to the store, compressed', storing),
  count('bytes.fetched', 'bytes', 'bytesFetched', 'Fetched from the store, compressed', ['restore', 'verify']),
  count('bytes.restored', 'bytes', 'bytesRestored', 'Written to local files', restore),
  count('points.journaled', 'points', 'points', 'Points that were stored', ['journal']),
  count('points.filled', 'points', 'pointsFilled', 'Points that were filled in local files', restore),

  count('requests', 'requests', 'requests', 'HTTP requests to the store, including retries; 0 on a disk', all),
  count('retries', 'calls', 'retries', 'Calls to the store that failed and were retried', all),
];

/**
 * Returns the figures of a run as points for carbon.
 *
 * @param prefix e.g. `whisper-backup`.
 */
export function pointsOf(run: FinishedRun, prefix: string): Point[] {
  const timestamp = epochOf(run.finished);
  return figureTable.flatMap((figure) => {
    if (!figure.commands.includes(run.command)) return [];
    const value = figureOf(figure, run);
    if (value === undefined) return [];
    return [{ metric: `${prefix}.${nodeOf(run.host)}.${run.command}.${figure.name}`, value, timestamp }];
  });
}

export function nodeOf(host: string): string {
  return host.replace(/[^\w-]/g, '_') || '_';
}

function figureOf({ from }: Figure, run: FinishedRun): number | undefined {
  return typeof from === 'string' ? run.summary?.counts[from] : from(run);
}

function count(
  name: string,
  unit: string,
  from: Count,
  meaning: string,
  commands: readonly ReportingCommand[],
): Figure {
  return { name, unit, meaning, from, commands };
}

function epochOf(iso: string): number {
  return Math.floor(Date.parse(iso) / 1000);
}
