import { journalKey, journalPrefix, journalRunOf, rootOf } from '../bucket/layout.ts';
import { codeOf, type ErrorCode, reasonOf, WhisperBackupError } from '../common/errors.ts';
import type { PlaceOptions } from '../common/options.ts';
import { formatTimestamp } from '../common/timestamp.ts';
import { pagesOf } from '../store/pages.ts';
import type { ObjectStore, StoredObject } from '../store/store.ts';
import { INDEX_BYTES, INDEX_NAME, type JournalPart, parseIndex } from './index-file.ts';

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
}

export interface JournalEvents {
  readonly signal: AbortSignal;
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
  const runs: JournalRun[] = [];
  for await (const page of pagesOf(store, { prefix: journalPrefix(root), signal })) {
    for (const object of page) {
      onObject?.(object);
      const { key } = object;
      const found = journalRunOf(root, key);
      if (found?.name !== INDEX_NAME) continue;
      try {
        runs.push(await readIndex(store, root, key, found.until, signal));
      } catch (error) {
        signal.throwIfAborted();
        onDamaged({ key, code: codeOf(error), reason: reasonOf(error) });
      }
    }
  }
  return runs;
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
