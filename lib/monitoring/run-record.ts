import * as v from 'valibot';
import { reasonOf, WhisperBackupError } from '../common/errors.ts';
import type { Named, Summary } from '../common/summary.ts';

/*
 * What a run leaves behind, on its host and in its bucket, so that others can tell how it went: also when the host is
 * dead. Whoever reads one has it from outside, and believes only what was checked here.
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
});

const Schema = v.object({
  version: v.literal(1),
  /** Version of the program that ran. */
  program: v.string(),
  host: v.string(),
  /** As the bucket's owner marker has it. */
  machine: v.string(),
  command: v.picklist(['backup', 'restore', 'purge']),
  /** Name of the bucket and of its store. Releases before this field left it out. */
  bucket: v.optional(v.string()),
  /** Options typed for this run that made it less, or another, than the full backup of the host. */
  partial: v.optional(v.pipe(v.array(v.string()), v.readonly())),
  started: time,
  finished: time,
  seconds: figure,
  exitCode: v.pipe(v.number(), v.safeInteger()),
  /** What ended a run that did not come to its end. */
  error: v.optional(v.string()),
  /** Seconds between scheduled backups, as the host is set up. */
  interval: v.pipe(figure, v.minValue(1)),
  /** Of a run that came to its end. */
  summary: v.optional(Figures),
});

/** How a run went, as far as a reader goes by it; the file has the whole summary. */
export type RunRecord = v.InferOutput<typeof Schema>;

/** The same for whoever writes it. */
export type NewRunRecord = Omit<RunRecord, 'version' | 'summary'> & { readonly summary?: Summary };

/** The largest record that is read, in bytes. */
export const RECORD_BYTES = 4 * 1024 * 1024;

/** How many records a full backup leaves, in a bucket and on a host. */
export const RECORDS_KEPT = 30;

/** The same for other runs: however many restores there are, they must not push out the last full backup. */
export const RECORDS_MOST = 500;

/** How far ahead of the clock a record may be dated, in milliseconds, before it counts as left by a wrong clock. */
const AHEAD_MS = 3_600_000;

/** So many are named in each list of a record's summary; its counts tell all. */
const NAMED_AT_MOST = 1000;

/** Whether a run was the full backup of its host. Records of older releases do not say, and count as full. */
export function isFullBackup({ command, partial = [] }: Pick<RunRecord, 'command' | 'partial'>): boolean {
  return command === 'backup' && partial.length === 0;
}

/** Whether a record was left while the clock was wrong, so that its date says nothing. */
export function isAhead(time: Date, now: Date): boolean {
  return time.getTime() > now.getTime() + AHEAD_MS;
}

/** Tells of records that {@link isAhead} left out. */
export function aheadText(names: readonly string[], where: string): string {
  const newest = names.toSorted().at(-1);
  return `Ignored ${names.length} records of runs in ${where} that are dated ahead of this host's clock, the newest ${newest}: check the clock, then delete them`;
}

/**
 * Chooses the records that are deleted when a run has left its own. Those ahead of the clock are counted apart, so that
 * they cannot push out the others.
 *
 * @param records in order of time.
 * @param run the run that left its record, and when.
 */
export function surplusRecords<T>(
  records: readonly T[],
  timeOf: (record: T) => Date,
  run: Pick<RunRecord, 'command' | 'partial'> & { readonly now: Date },
): readonly T[] {
  const kept = isFullBackup(run) ? RECORDS_KEPT : RECORDS_MOST;
  const ahead = records.filter((record) => isAhead(timeOf(record), run.now));
  const due = records.filter((record) => !isAhead(timeOf(record), run.now));
  return [...due.slice(0, -kept), ...ahead.slice(RECORDS_KEPT)];
}

/** The text is no record of a run. */
export class RunRecordError extends WhisperBackupError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('RUN_RECORD', message, options);
  }
}

/** The text of a record: JSON, on one line. */
export function formatRunRecord({ summary, ...record }: NewRunRecord): string {
  return `${JSON.stringify({ version: 1, ...record, ...(summary && { summary: shortened(summary) }) })}\n`;
}

/**
 * Reads a record.
 *
 * @param where names it, for messages.
 * @throws RunRecordError
 */
export function parseRunRecord(text: string, where: string): RunRecord {
  try {
    return v.parse(Schema, JSON.parse(text), { abortEarly: true });
  } catch (error) {
    throw new RunRecordError(`Cannot use the record of a run ${where}: ${detailOf(error)}`, { cause: error });
  }
}

function detailOf(error: unknown): string {
  if (!v.isValiError(error)) return reasonOf(error);
  const [issue] = error.issues;
  return `'${v.getDotPath(issue) ?? ''}': ${issue.message}`;
}

function shortened(summary: Summary): Summary {
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
  return named.slice(0, NAMED_AT_MOST);
}
