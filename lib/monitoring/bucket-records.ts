import { ownKey, rootOf, runEndOf, runKey } from '../bucket/layout.ts';
import { reasonOf } from '../common/errors.ts';
import type { PlaceOptions } from '../common/options.ts';
import type { ObjectStore } from '../store/store.ts';
import {
  aheadText,
  formatRunRecord,
  isAhead,
  MAX_RECORDS_KEPT,
  type NewRunRecord,
  parseRunRecord,
  RECORD_BYTES,
  RECORDS_KEPT,
  type RunRecord,
  surplusRecords,
} from './run-record.ts';

/** Surplus records are deleted when there are more than this, so that one request deletes several. */
const SLACK = 10;

const MAX_KEYS = 1000;

export interface Signalled {
  readonly signal?: AbortSignal;
}

/**
 * The run records of a bucket, collected from the listing of a run, so that no extra request is needed to find old
 * ones.
 */
export class RunRecords {
  readonly #root: string;
  /** The oldest ones, because a listing ascends. Only these are ever deleted. */
  readonly #keys = new Set<string>();

  constructor(place: PlaceOptions) {
    this.#root = rootOf(place);
  }

  /** Records a key from the listing, if it is that of a run record. */
  readonly found = (key: string): void => {
    if (this.#keys.size < MAX_KEYS && runEndOf(this.#root, key)) this.#keys.add(key);
  };

  has(ended: Date): boolean {
    return this.#keys.has(runKey(this.#root, ended));
  }

  /**
   * Stores a record, and deletes old ones if there are more than {@link SLACK} surplus ones.
   *
   * @param ended end of the run, which is in the key.
   * @throws StoreError
   */
  async keep(store: ObjectStore, record: NewRunRecord, ended: Date, options: Signalled = {}): Promise<void> {
    const key = runKey(this.#root, ended);
    await store.put(key, new TextEncoder().encode(formatRunRecord(record)), options);
    if (store.mayDelete === false) return;
    const all = [...this.#keys.add(key)].sort();
    if (all.length <= RECORDS_KEPT + SLACK) return;
    const timeOf = (one: string) => runEndOf(this.#root, one) ?? ended;
    const surplus = surplusRecords(all, timeOf, { ...record, now: ended });
    if (surplus.length <= SLACK) return;
    const [failure] = await store.delete(surplus, options);
    if (failure) throw failure.error;
  }
}

interface ReadOptions extends Signalled {
  /** Records dated later than this are skipped. @default new Date() */
  readonly now?: Date;
  readonly onUnusable?: (message: string) => void;
}

/**
 * Reads the run records of a bucket, the newest first. Skips other objects.
 *
 * @throws StoreError if the bucket cannot be listed.
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
      if (ahead.length < MAX_KEYS) ahead.push(key);
    } else keys.push(key);
    // The newest are last.
    if (keys.length > MAX_KEYS) keys.splice(0, MAX_KEYS - MAX_RECORDS_KEPT);
  }
  if (ahead.length > 0) onUnusable?.(aheadText(ahead, store.name));
  for (const key of keys.slice(-MAX_RECORDS_KEPT).reverse()) {
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
