import * as v from 'valibot';
import { codeOf } from '../common/errors.ts';
import type { PlaceOptions } from '../common/options.ts';
import { compareKeys } from '../common/order.ts';
import { byteLength } from '../store/key.ts';
import type { ObjectStore } from '../store/store.ts';
import { KEY_BYTES, ownKey, rootOf } from './layout.ts';

/*
 * The cuts at which a bucket is divided into parts that are listed in parallel. Runs that list the whole bucket store
 * them in it. They are hints: if they are outdated or wrong, the listing is still complete, only slower.
 */

/** Objects between cuts: slightly less than five full pages of S3 or half a page of Swift. */
export const PART_OBJECTS = 4950;

const MAX_CUTS = 4096;

const MAX_FILE_BYTES = 2 ** 20;

/** The cuts are written again if the number of objects has changed by more than this share. */
const CHANGE = 0.25;

export interface Partitions {
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
 * Reads the cuts of a bucket, without invalid ones. Returns no cuts if the file is missing or invalid.
 *
 * @throws StoreError
 */
export async function readPartitions(
  store: ObjectStore,
  root: string,
  signal: AbortSignal | undefined,
): Promise<Partitions> {
  try {
    const body = await store.get(ownKey(root, 'partitions.json'), {
      maxBytes: MAX_FILE_BYTES,
      ...(signal && { signal }),
    });
    const { objects, cuts } = v.parse(File, JSON.parse(new TextDecoder().decode(body)), { abortEarly: true });
    return { objects, cuts: selectCuts(cuts) };
  } catch (error) {
    const isGone = codeOf(error) === 'NOT_FOUND' || codeOf(error) === 'TOO_LARGE';
    if (isGone || error instanceof SyntaxError || v.isValiError(error)) return NONE;
    throw error;
  }
}

/** Returns valid cuts in ascending order, evenly thinned out to {@link MAX_CUTS}. */
function selectCuts(cuts: readonly string[]): readonly string[] {
  let previous = '';
  const ascending = cuts.filter((cut) => {
    const isValid = isCut(cut) && compareKeys(cut, previous) > 0;
    if (isValid) previous = cut;
    return isValid;
  });
  const every = Math.ceil(ascending.length / MAX_CUTS);
  return every <= 1 ? ascending : ascending.filter((_, i) => i % every === 0);
}

/** Returns whether a text is a metric's name with a slash that every store accepts as a bound of a listing. */
function isCut(text: string): boolean {
  return /^[^/\u0000-\u001f\u007f\ufffe\uffff\p{Surrogate}]+\/$/u.test(text) && byteLength(text) < KEY_BYTES / 2;
}

export class PartitionRecorder {
  #cuts: string[] = [];
  #every = PART_OBJECTS;
  #objects = 0;
  #sinceCut = 0;
  #current: Partitions | undefined;

  recordFile(partitions: Partitions): void {
    this.#current = partitions;
  }

  /**
   * Records a metric in the listing.
   *
   * @param order name of the metric with a slash.
   * @param objects number of its objects.
   */
  recordMetric(order: string, objects: number): void {
    if (this.#sinceCut >= this.#every && isCut(order)) {
      this.#cuts.push(order);
      this.#sinceCut = 0;
      if (this.#cuts.length >= MAX_CUTS) {
        this.#cuts = this.#cuts.filter((_, i) => i % 2 === 1);
        this.#every *= 2;
      }
    }
    this.#objects += objects;
    this.#sinceCut += objects;
  }

  /**
   * Stores the cuts in the bucket, unless the store cannot list in parallel or the bucket has not changed much. Call it
   * after a complete listing.
   *
   * @throws StoreError
   */
  async save(
    store: ObjectStore,
    place: PlaceOptions,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    if ((store.listings ?? 1) <= 1 || !this.#hasChanged()) return;
    const key = ownKey(rootOf(place), 'partitions.json');
    if (this.#cuts.length === 0) {
      if (store.mayDelete === false) return;
      await store.delete([key], { ...(signal && { signal }) });
      return;
    }
    let cuts = this.#cuts;
    for (;;) {
      const text = JSON.stringify({ version: 1, objects: this.#objects, cuts });
      const body = new TextEncoder().encode(`${text}\n`);
      if (body.length <= MAX_FILE_BYTES) return store.put(key, body, { ...(signal && { signal }) });
      cuts = cuts.filter((_, i) => i % 2 === 1);
    }
  }

  #hasChanged(): boolean {
    if (!this.#current) return this.#cuts.length > 0;
    if (this.#current.cuts.length === 0 || this.#cuts.length === 0) return true;
    return Math.abs(this.#objects - this.#current.objects) > CHANGE * this.#current.objects;
  }
}
