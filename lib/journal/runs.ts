import pMap from 'p-map';
import { journalKey, journalPrefix, journalRunOf, rootOf } from '../bucket/layout.ts';
import { codeOf, type ErrorCode, reasonOf, WhisperBackupError } from '../common/errors.ts';
import type { PlaceOptions } from '../common/options.ts';
import { formatTimestamp } from '../common/timestamp.ts';
import { pagesOf } from '../store/pages.ts';
import type { ObjectStore, StoredObject } from '../store/store.ts';
import { INDEX_BYTES, INDEX_NAME, type JournalPart, parseIndex } from './index-file.ts';

/** How many indexes are read at once. A week of runs every 15 minutes has 672. */
const CONCURRENCY = 16;

/** A journal run whose index was read. */
export interface JournalRun {
  readonly until: Date;
  readonly from: Date;
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

/**
 * Lists the journal runs of a bucket, ascending by time, and reads their indexes. Leaves out runs whose index cannot be
 * used.
 *
 * @throws StoreError if the bucket cannot be listed.
 */
export async function journalRuns(
  store: ObjectStore,
  place: PlaceOptions,
  { signal, onDamaged, onObject }: JournalEvents,
): Promise<readonly JournalRun[]> {
  const root = rootOf(place);
  const indexes: { readonly key: string; readonly until: Date }[] = [];
  for await (const page of pagesOf(store, { prefix: journalPrefix(root), signal })) {
    for (const object of page) {
      onObject?.(object);
      const found = journalRunOf(root, object.key);
      if (found?.name === INDEX_NAME) indexes.push({ key: object.key, until: found.until });
    }
  }
  const read = async ({ key, until }: (typeof indexes)[number]): Promise<JournalRun | undefined> => {
    try {
      return await readIndex(store, root, key, until, signal);
    } catch (error) {
      signal.throwIfAborted();
      onDamaged({ key, code: codeOf(error), reason: reasonOf(error), error });
      return undefined;
    }
  };
  const runs = await pMap(indexes, read, { concurrency: CONCURRENCY });
  return runs.filter((run) => run !== undefined);
}

async function readIndex(
  store: ObjectStore,
  root: string,
  key: string,
  until: Date,
  signal: AbortSignal,
): Promise<JournalRun> {
  const index = parseIndex(await store.get(key, { maxBytes: INDEX_BYTES, signal }), key);
  if (index.until !== formatTimestamp(until))
    throw new WhisperBackupError('BAD_INDEX', `Cannot use the journal index ${key}: it is that of ${index.until}`);
  const parts = index.parts.map((part) => ({ ...part, key: journalKey(root, until, part.name) }));
  return { until, from: new Date(index.from), parts };
}
