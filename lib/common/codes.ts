import type { ErrorCode } from './errors.ts';

/*
 * The counters and codes of a summary. They are a contract: `--json` prints them.
 */

// biome-ignore format: a table
/** The counters that each command prints even when they are 0. */
export const COUNTS = {
  backup: ['metrics', 'stored', 'unchanged', 'skipped', 'failed', 'bytesRead', 'bytesStored',
    'retired', 'tombstones', 'purged', 'deleted', 'shrunk', 'leftovers', 'foreignKeys'],
  journal: ['metrics', 'unchanged', 'journaled', 'points', 'stored', 'skipped', 'failed', 'bytesRead', 'bytesStored',
    'deleted', 'foreignKeys'],
  purge: ['metrics', 'failed', 'tombstones', 'purged', 'deleted', 'shrunk', 'leftovers', 'foreignKeys'],
  prune: ['metrics', 'failed', 'retired', 'purged', 'deleted', 'foreignKeys'],
  restore: ['metrics', 'restored', 'backfilled', 'pointsFilled', 'unchanged', 'refilled', 'skipped', 'failed',
    'bytesFetched', 'bytesRestored', 'foreignKeys'],
  fill: ['filled'],
  verify: ['metrics', 'backups', 'read', 'bytesFetched', 'damaged', 'unfinished', 'skipped', 'failed', 'foreignKeys'],
  verifyCompare: ['same', 'changed', 'gone', 'neverStored', 'unknown'],
  verifyRepair: ['moved', 'removed'],
  drill: ['metrics', 'restored', 'same', 'differing', 'differingPoints', 'damaged', 'gone', 'neverStored', 'skipped',
    'failed', 'bytesFetched', 'bytesRestored'],
} as const;

/** A counter. Those that are not in the table are only printed if they are not 0. */
export type Count =
  | (typeof COUNTS)[keyof typeof COUNTS][number]
  | ('contradictions' | 'damagedFiles' | 'fallbacks' | 'held' | 'loneSha1s' | 'odd')
  | ('pointsReplaced' | 'pointsErased' | 'pointsKept' | 'slotsLeft')
  | ('pointsReplayed' | 'journalLinesLeft' | 'journalGaps' | 'renamed' | 'reshaped' | 'stepsLeft' | 'aheadLeft')
  | ('noBackup' | 'replaced')
  | ('requests' | 'retries');

export type FailCode = ErrorCode | 'BAD_LINES' | 'DATE_CONTRADICTS' | 'DELETE_FAILED' | 'REPLACED' | 'WHISPER_DAMAGED';

export type SkipCode = ErrorCode | 'DAMAGED_FILE' | 'GONE' | 'VANISHED' | 'WHISPER_COMPRESSED';

export type NoteCode =
  | (ErrorCode | 'AHEAD_LEFT' | 'DAMAGED_FILE' | 'DATE_TOO_LATE' | 'GONE' | 'HELD' | 'JOURNAL_GAP' | 'LONE_SHA1')
  | ('MISNAMED' | 'NEVER_STORED' | 'ODD' | 'REFILLED' | 'SHRUNK' | 'SLOTS_LEFT' | 'STEPS_LEFT');

export type DamageCode =
  | (FailCode | 'EMPTY_BACKUP' | 'LONE_SHA1' | 'NO_SHA1' | 'TOO_LARGE')
  | ('NOT_FOUND' | 'WRONG_SIZE');

export type StopCode =
  | (ErrorCode | 'BACKUP_AHEAD' | 'CLOCK_OFF' | 'DISORDER' | 'HOLD_UNREADABLE' | 'MISNAMED' | 'NOTHING_MATCHED')
  | ('TOO_MANY_DUE' | 'TOO_MANY_GONE' | 'TREE_EMPTY' | 'UNMARKED_BUCKET');
