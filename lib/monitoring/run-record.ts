import * as v from 'valibot';
import { reasonOf, WhisperBackupError } from '../common/errors.ts';
import type { Named, Summary } from '../common/summary.ts';

/*
 * The record that each run writes on its host and into its bucket, so that its result is known even if the host is
 * lost. Readers must not trust a record, so it is validated here.
 */

const time = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.check((text) => !Number.isNaN(Date.parse(text)), 'is no time'),
);
const figure = v.pipe(v.number(), v.finite());

const Figures = v.object({
  store: v.string(),
  seconds: figure,
  counts: v.record(v.string(), figure),
  /** Why the run did not do all. */
  stopped: v.optional(v.object({ message: v.string() })),
});

const Schema = v.object({
  version: v.literal(1),
  program: v.string(),
  host: v.string(),
  /** The machine id in the bucket's owner marker. */
  machine: v.string(),
  command: v.picklist(['backup', 'restore', 'purge', 'prune']),
  /** Name of the bucket and of its store. Older releases did not write it. */
  bucket: v.optional(v.string()),
  /** Command-line options because of which it was not a full backup of the host. */
  partial: v.optional(v.pipe(v.array(v.string()), v.readonly())),
  started: time,
  finished: time,
  seconds: figure,
  exitCode: v.pipe(v.number(), v.safeInteger()),
  error: v.optional(v.string()),
  /** Configured seconds between scheduled backups. */
  interval: v.pipe(figure, v.minValue(1)),
  /** Absent if an error ended the run. */
  summary: v.optional(Figures),
});

/** The part of a run record that readers use; the file has the whole summary. */
export type RunRecord = v.InferOutput<typeof Schema>;

/** A run record to write, with the whole summary. */
export type NewRunRecord = Omit<RunRecord, 'version' | 'summary'> & { readonly summary?: Summary };

export const RECORD_BYTES = 4 * 1024 * 1024;

/** How many records a full backup keeps, in a bucket and on a host. */
export const RECORDS_KEPT = 30;

/** How many records other runs keep: more, so that many restores do not displace the record of the last full backup. */
export const MAX_RECORDS_KEPT = 500;

/** A record dated further ahead of the clock is ignored: the clock was wrong when it was written. */
const AHEAD_MS = 3_600_000;

/** How many entries each list in a record's summary has; the counts include all. */
const MAX_NAMED = 1000;

/** Returns whether a run was a full backup of its host. Records of older releases count as full. */
export function isFullBackup({ command, partial = [] }: Pick<RunRecord, 'command' | 'partial'>): boolean {
  return command === 'backup' && partial.length === 0;
}

/** Returns whether the date of a record is invalid because a clock was wrong when it was written. */
export function isAhead(time: Date, now: Date): boolean {
  return time.getTime() > now.getTime() + AHEAD_MS;
}

/** Returns the warning about records that were ignored because of {@link isAhead}. */
export function aheadText(names: readonly string[], where: string): string {
  const newest = names.toSorted().at(-1);
  return `Ignored ${names.length} run records in ${where} that are dated ahead of this host's clock, the newest ${newest}. Check the clock, then delete them.`;
}

/**
 * Chooses the records to delete after a run has written its own. Records dated ahead of the clock are counted
 * separately, so that they cannot displace the others.
 *
 * @param records in order of time.
 * @param run the run that wrote its record, and the current time.
 */
export function surplusRecords<T>(
  records: readonly T[],
  timeOf: (record: T) => Date,
  run: Pick<RunRecord, 'command' | 'partial'> & { readonly now: Date },
): readonly T[] {
  const kept = isFullBackup(run) ? RECORDS_KEPT : MAX_RECORDS_KEPT;
  const ahead = records.filter((record) => isAhead(timeOf(record), run.now));
  const due = records.filter((record) => !isAhead(timeOf(record), run.now));
  return [...due.slice(0, -kept), ...ahead.slice(RECORDS_KEPT)];
}

export class RunRecordError extends WhisperBackupError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('RUN_RECORD', message, options);
  }
}

export function formatRunRecord({ summary, ...record }: NewRunRecord): string {
  return `${JSON.stringify({ version: 1, ...record, ...(summary && { summary: shorten(summary) }) })}\n`;
}

/**
 * Parses a record.
 *
 * @param where name of the record, for messages.
 * @throws RunRecordError if the text is not a valid record.
 */
export function parseRunRecord(text: string, where: string): RunRecord {
  try {
    return v.parse(Schema, JSON.parse(text), { abortEarly: true });
  } catch (error) {
    throw new RunRecordError(`Cannot use the run record ${where}: ${detailOf(error)}`, { cause: error });
  }
}

function detailOf(error: unknown): string {
  if (!v.isValiError(error)) return reasonOf(error);
  const [issue] = error.issues;
  return `'${v.getDotPath(issue) ?? ''}': ${issue.message}`;
}

function shorten(summary: Summary): Summary {
  const { failed, skipped, notes, damaged } = summary;
  return {
    ...summary,
    failed: first(failed),
    skipped: first(skipped),
    notes: first(notes),
    ...(damaged && { damaged: first(damaged) }),
  };
}

function first<T extends Named>(named: readonly T[]): readonly T[] {
  return named.slice(0, MAX_NAMED);
}
