import * as v from 'valibot';
import { reasonOf, WhisperBackupError } from './errors.ts';
import type { Named, Summary } from './summary.ts';

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

/** How many records are kept, in a bucket and on a host. */
export const RECORDS_KEPT = 30;

/** So many are named in each list of a record's summary; its counts tell all. */
const NAMED_AT_MOST = 1000;

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
