import pMap from 'p-map';
import { journalKey, journalPrefix, journalRunOf, rootOf } from '../bucket/layout.ts';
import { codeOf, type ErrorCode, reasonOf, WhisperBackupError } from '../common/errors.ts';
import type { PlaceOptions } from '../common/options.ts';
import { compareKeys } from '../common/order.ts';
import { formatTimestamp } from '../common/timestamp.ts';
import { NotFoundError } from '../store/errors.ts';
import { isListed } from '../store/is-listed.ts';
import { pagesOf } from '../store/pages.ts';
import type { ObjectStore, StoredObject } from '../store/store.ts';
import { INDEX_BYTES, INDEX_NAME, type JournalPart, parseIndex } from './index-file.ts';

/** How many indexes are read at once. A week of runs every 15 minutes has 672. */
const CONCURRENCY = 16;

/** A journal run whose index was read. */
export interface JournalRun {
  readonly until: Date;
  readonly from: Date;
  /** The run before it, if that could not be read. */
  readonly missing?: Date;
  /** Whether it has only some metrics of the host. */
  readonly isPartial?: boolean;
  /** The spans of time whose runs the newest backups needed then. */
  readonly needed?: readonly (readonly [Date, Date])[];
  readonly parts: readonly (JournalPart & { readonly key: string })[];
}

/** An index or a part that cannot be used. */
export interface DamagedJournal {
  readonly key: string;
  readonly code: ErrorCode;
  readonly reason: string;
  readonly error: unknown;
}

export interface JournalEvents {
  readonly signal: AbortSignal;
  /** Leaves it out, or throws. */
  readonly onDamaged: (damaged: DamagedJournal) => void;
  /** Called for every object of the journal. */
  readonly onObject?: (object: StoredObject) => void;
}

/** Which runs are needed. */
interface Span {
  /** Leave out earlier runs. @default none */
  readonly since?: Date;
  /** Leave out runs that only have later points. @default none */
  readonly date?: Date;
}

/** A run as it is listed. */
export interface JournalRunKey {
  /** Key of its index. */
  readonly key: string;
  readonly until: Date;
  readonly version?: string | undefined;
}

/**
 * Lists the journal runs of a bucket, ascending by time, and reads their indexes. Leaves out runs whose index cannot be
 * used.
 *
 * @throws StoreError if the bucket cannot be listed.
 */
export async function journalRuns(
  store: ObjectStore,
  place: PlaceOptions,
  { since, date, ...events }: JournalEvents & Span,
): Promise<readonly JournalRun[]> {
  const keys = await listRuns(store, place, events);
  const wanted = keys.filter(({ until }) => !since || until >= since);
  const runs = await pMap(wanted, (key) => readRun(store, place, key, events), { concurrency: CONCURRENCY });
  const found = runs.filter((run) => run !== undefined);
  const times = new Set(found.map(({ until }) => until.getTime()));
  return found
    .filter(({ from }) => !date || from <= date)
    .map(({ missing, ...run }) => (missing && !times.has(missing.getTime()) ? { ...run, missing } : run));
}

/** Lists the journal runs of a bucket, ascending by time. @throws StoreError */
export async function listRuns(
  store: ObjectStore,
  place: PlaceOptions,
  { signal, onObject }: Pick<JournalEvents, 'signal' | 'onObject'>,
): Promise<readonly JournalRunKey[]> {
  const root = rootOf(place);
  const runs: JournalRunKey[] = [];
  for await (const page of pagesOf(store, { prefix: journalPrefix(root), signal })) {
    for (const object of page) {
      onObject?.(object);
      const found = journalRunOf(root, object.key);
      if (found?.name === INDEX_NAME) runs.push({ key: object.key, until: found.until, version: object.version });
    }
  }
  return runs;
}

/** Returns the time of the newest run of all metrics of the host. @throws StoreError */
export async function lastFullRun(
  store: ObjectStore,
  place: PlaceOptions,
  events: JournalEvents,
): Promise<Date | undefined> {
  for (const key of (await listRuns(store, place, events)).toReversed()) {
    const run = await readRun(store, place, key, events);
    if (run && !run.isPartial) return run.until;
  }
  return undefined;
}

/** Reads the index of a run. @returns undefined if it cannot be used, or has expired since it was listed. */
export async function readRun(
  store: ObjectStore,
  place: PlaceOptions,
  { key, until, version }: JournalRunKey,
  { signal, onDamaged }: JournalEvents,
): Promise<JournalRun | undefined> {
  try {
    const index = parseIndex(await store.get(key, { maxBytes: INDEX_BYTES, version, signal }), key);
    if (index.until !== formatTimestamp(until))
      throw new WhisperBackupError('BAD_INDEX', `Cannot use the journal index ${key}: it is that of ${index.until}`);
    const parts = index.parts.map((part) => ({ ...part, key: journalKey(rootOf(place), until, part.name) }));
    const missing = index.previous !== undefined && { missing: new Date(index.previous) };
    const { partial: isPartial = false } = index;
    const needed = index.needed?.map(([from, to]) => [new Date(from), new Date(to)] as const);
    return { until, from: new Date(index.from), ...missing, isPartial, ...(needed && { needed }), parts };
  } catch (error) {
    signal.throwIfAborted();
    // It has expired meanwhile.
    if (error instanceof NotFoundError && !(await isListed(store, key, signal))) return undefined;
    onDamaged({ key, code: codeOf(error), reason: reasonOf(error), error });
    return undefined;
  }
}

/** Returns the parts of a run that may have lines of a metric: by their first and last ones, not by their content. */
export function partsWith({ parts }: JournalRun, order: string): JournalRun['parts'] {
  return parts.filter(({ first, last }) => compareKeys(order, `${first}/`) >= 0 && compareKeys(order, `${last}/`) <= 0);
}
