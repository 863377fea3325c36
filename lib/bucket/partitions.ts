import * as v from 'valibot';
import { codeOf } from '../common/errors.ts';
import type { PlaceOptions } from '../common/options.ts';
import { compareKeys } from '../common/order.ts';
import { byteLength } from '../store/key.ts';
import type { ObjectStore } from '../store/store.ts';
import { KEY_BYTES, ownKey, rootOf } from './layout.ts';

/*
 * Where a bucket is cut so that its parts can be listed side by side: hints, kept in the bucket itself by whoever saw
 * the whole of it. They may be old, or anything: what is listed does not depend on them, only how fast.
 */

/** Objects between two cuts: a little less than five pages of S3, or half a page of Swift, so that no page is for nothing. */
export const PART_OBJECTS = 4950;

/** More cuts than this are thinned out, so that a run holds few names, however large the bucket is. */
const MOST_CUTS = 4096;

/** The largest file that is read. */
const MOST_BYTES = 2 ** 20;

/** Only when a bucket has grown or shrunk by more than this are the cuts written again. */
const CHANGE = 0.25;

/** What the file holds. */
export interface Partitions {
  /** Objects that the bucket had. */
  readonly objects: number;
  /** Ascending, without the root. */
  readonly cuts: readonly string[];
}

const File = v.object({
  version: v.literal(1),
  objects: v.pipe(v.number(), v.safeInteger()),
  cuts: v.array(v.string()),
});

const NONE: Partitions = { objects: 0, cuts: [] };

/**
 * Reads the cuts of a bucket, and drops those that make no sense. None, when the file is not there or not ours.
 *
 * @throws StoreError
 */
export async function readPartitions(
  store: ObjectStore,
  root: string,
  signal: AbortSignal | undefined,
): Promise<Partitions> {
  try {
    const body = await store.get(ownKey(root, 'partitions.json'), { maxBytes: MOST_BYTES, ...(signal && { signal }) });
    const { objects, cuts } = v.parse(File, JSON.parse(new TextDecoder().decode(body)), { abortEarly: true });
    return { objects, cuts: sane(cuts) };
  } catch (error) {
    const isGone = codeOf(error) === 'NOT_FOUND' || codeOf(error) === 'TOO_LARGE';
    if (isGone || error instanceof SyntaxError || v.isValiError(error)) return NONE;
    throw error;
  }
}

/** The metrics' names with a slash, that ascend; every so-and-so-many of them if they are too many. */
function sane(cuts: readonly string[]): readonly string[] {
  let previous = '';
  const ascending = cuts.filter((cut) => {
    const isSane = isCut(cut) && compareKeys(cut, previous) > 0;
    if (isSane) previous = cut;
    return isSane;
  });
  const every = Math.ceil(ascending.length / MOST_CUTS);
  return every <= 1 ? ascending : ascending.filter((_, i) => i % every === 0);
}

/** Whether a store takes it for a bound, and few keys lie between it and the end of its metric. */
function isCut(text: string): boolean {
  return /^[^/\u0000-\u001f\u007f\ufffe\uffff\p{Surrogate}]+\/$/u.test(text) && byteLength(text) < KEY_BYTES / 2;
}

/** Finds places for cuts while a run passes the whole of a bucket. */
export class PartitionRecorder {
  #cuts: string[] = [];
  #every = PART_OBJECTS;
  #objects = 0;
  #sinceCut = 0;
  #found: Partitions | undefined;

  /** The listing came by the file, and this was in it. */
  found(partitions: Partitions): void {
    this.#found = partitions;
  }

  /**
   * The listing came by a metric.
   *
   * @param order the metric's name with a slash.
   * @param objects how many the bucket has of it.
   */
  metric(order: string, objects: number): void {
    if (this.#sinceCut >= this.#every && isCut(order)) {
      this.#cuts.push(order);
      this.#sinceCut = 0;
      if (this.#cuts.length >= MOST_CUTS) {
        this.#cuts = this.#cuts.filter((_, i) => i % 2 === 1);
        this.#every *= 2;
      }
    }
    this.#objects += objects;
    this.#sinceCut += objects;
  }

  /**
   * Keeps the cuts in the bucket, where that is worth a request: not on a store that lists one after the other, nor
   * when the bucket has not changed much since. Call it when a listing was read to its end.
   *
   * @throws StoreError
   */
  async save(
    store: ObjectStore,
    place: PlaceOptions,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    if ((store.listings ?? 1) <= 1 || !this.#isNews()) return;
    const key = ownKey(rootOf(place), 'partitions.json');
    if (this.#cuts.length === 0) {
      await store.delete([key], { ...(signal && { signal }) });
      return;
    }
    let cuts = this.#cuts;
    for (;;) {
      const text = JSON.stringify({ version: 1, objects: this.#objects, cuts });
      const body = new TextEncoder().encode(`${text}\n`);
      if (body.length <= MOST_BYTES) return store.put(key, body, { ...(signal && { signal }) });
      cuts = cuts.filter((_, i) => i % 2 === 1);
    }
  }

  #isNews(): boolean {
    if (!this.#found) return this.#cuts.length > 0;
    if (this.#found.cuts.length === 0 || this.#cuts.length === 0) return true;
    return Math.abs(this.#objects - this.#found.objects) > CHANGE * this.#found.objects;
  }
}
