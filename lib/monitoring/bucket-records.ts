import { ownKey, rootOf, runEndOf, runKey } from '../bucket/layout.ts';
import { reasonOf } from '../common/errors.ts';
import type { PlaceOptions } from '../common/options.ts';
import type { ObjectStore } from '../store/store.ts';
import {
  aheadText,
  formatRunRecord,
  isAhead,
  type NewRunRecord,
  parseRunRecord,
  RECORD_BYTES,
  RECORDS_KEPT,
  RECORDS_MOST,
  type RunRecord,
  surplusRecords,
} from './run-record.ts';

/** So many more than are to be kept may be there: then a request deletes as many at once. */
const SLACK = 10;

/** What one request deletes, at most; also how many are held in memory, whatever a bucket holds. */
const REMEMBERED = 1000;

export interface Signalled {
  readonly signal?: AbortSignal;
}

/**
 * The records of runs in a bucket, as the listing of a run came by them: so that keeping one costs one request, and
 * taking away old ones none to find them.
 */
export class RunRecords {
  readonly #root: string;
  /** The oldest ones: a listing ascends, and only these ever go. */
  readonly #found = new Set<string>();

  constructor(place: PlaceOptions) {
    this.#root = rootOf(place);
  }

  /** A listing came by this key of the tool's own. */
  readonly found = (key: string): void => {
    if (this.#found.size < REMEMBERED && runEndOf(this.#root, key)) this.#found.add(key);
  };

  /** Whether there is a record of a run that ended in that second. */
  has(ended: Date): boolean {
    return this.#found.has(runKey(this.#root, ended));
  }

  /**
   * Stores a record, and deletes old ones when there are many too many.
   *
   * @param ended what it is kept under.
   * @throws StoreError
   */
  async keep(store: ObjectStore, record: NewRunRecord, ended: Date, options: Signalled = {}): Promise<void> {
    const key = runKey(this.#root, ended);
    await store.put(key, new TextEncoder().encode(formatRunRecord(record)), options);
    const all = [...this.#found.add(key)].sort();
    if (all.length <= RECORDS_KEPT + SLACK) return;
    const timeOf = (one: string) => runEndOf(this.#root, one) ?? ended;
    const surplus = surplusRecords(all, timeOf, { ...record, now: ended });
    if (surplus.length <= SLACK) return;
    const [failure] = await store.delete(surplus, options);
    if (failure) throw failure.error;
  }
}

export interface ReadOptions extends Signalled {
  /** Records ahead of this are skipped. @default new Date() */
  readonly now?: Date;
  /** Called with each record that is skipped, and why. */
  readonly onUnusable?: (message: string) => void;
}

/**
 * Reads the records of a bucket, the newest first. Other objects are skipped.
 *
 * @throws StoreError when the bucket cannot be listed.
 */
export async function* readRunRecords(
  store: ObjectStore,
  place: PlaceOptions,
  { signal, now = new Date(), onUnusable }: ReadOptions = {},
): AsyncGenerator<RunRecord, void, void> {
  const root = rootOf(place);
  const keys: string[] = [];
  const ahead: string[] = [];
  for await (const { key } of store.list({ prefix: ownKey(root, 'runs/'), ...(signal && { signal }) })) {
    const end = runEndOf(root, key);
    if (end === undefined) continue;
    if (isAhead(end, now)) {
      if (ahead.length < REMEMBERED) ahead.push(key);
    } else keys.push(key);
    // The newest come last.
    if (keys.length > REMEMBERED) keys.splice(0, REMEMBERED - RECORDS_MOST);
  }
  if (ahead.length > 0) onUnusable?.(aheadText(ahead, store.name));
  for (const key of keys.slice(-RECORDS_MOST).reverse()) {
    let record: RunRecord;
    try {
      const body = await store.get(key, { maxBytes: RECORD_BYTES, ...(signal && { signal }) });
      record = parseRunRecord(new TextDecoder().decode(body), `${key} of ${store.name}`);
    } catch (error) {
      signal?.throwIfAborted();
      onUnusable?.(reasonOf(error));
      continue;
    }
    if (isAhead(new Date(record.finished), now)) onUnusable?.(aheadText([record.finished], key));
    else yield record;
  }
}
