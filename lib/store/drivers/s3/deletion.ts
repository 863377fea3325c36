import pMap from 'p-map';
import { BucketMissingError, NotFoundError, PermanentError, StoreError } from '../../errors.ts';
import { checkKey } from '../../key.ts';
import type { DeleteFailure } from '../../store.ts';

/** Most keys in one DeleteObjects request. */
const BATCH = 1000;

export interface DeletionRequests {
  /** Deletes up to 1,000 keys by one request, and tells those that it could not. */
  readonly batch: (keys: readonly string[]) => Promise<readonly DeleteFailure[]>;
  readonly single: (key: string) => Promise<void>;
}

/**
 * Deletes keys, 1,000 to a request where the store can, else one by one, since not every S3-like store has
 * DeleteObjects. A store that refused a batch once is not asked again.
 */
export class Deletion {
  readonly #concurrency: number;
  #batches = true;

  /** @param concurrency single deletes under way at once. */
  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  async delete(keys: readonly string[], requests: DeletionRequests): Promise<DeleteFailure[]> {
    const failures: DeleteFailure[] = [];
    const batched: string[] = [];
    const single: string[] = [];
    for (const key of keys) {
      try {
        checkKey(key, 'delete');
        (isXml(key) ? batched : single).push(key);
      } catch (error) {
        failures.push({ key, error: asError(error) });
      }
    }
    for (let at = 0; at < batched.length; at += BATCH) {
      const batch = batched.slice(at, at + BATCH);
      const told = batch.length > 1 ? await this.#tryBatch(batch, requests) : undefined;
      if (told) failures.push(...told);
      else single.push(...batch);
    }
    failures.push(...(await this.#deleteSingly(single, requests)));
    return failures;
  }

  /** @returns undefined when the keys are to be deleted one by one. */
  async #tryBatch(keys: readonly string[], requests: DeletionRequests): Promise<readonly DeleteFailure[] | undefined> {
    if (!this.#batches) return undefined;
    try {
      const failures = await requests.batch(keys);
      // A key that we did not send was garbled on its way, and so perhaps deleted under a garbled name only.
      const sent = new Set(keys);
      return failures.every(({ key }) => sent.has(key)) ? failures : undefined;
    } catch (error) {
      // Some stores answer 404 to what they do not know.
      if (!(error instanceof PermanentError || error instanceof NotFoundError)) throw error;
      this.#batches = false;
      return undefined;
    }
  }

  async #deleteSingly(keys: readonly string[], requests: DeletionRequests): Promise<DeleteFailure[]> {
    const failures: DeleteFailure[] = [];
    await pMap(
      keys,
      async (key) => {
        try {
          await requests.single(key);
        } catch (error) {
          if (error instanceof NotFoundError) return;
          // Of the caller's abort, and of a bucket that is not there, no key is to blame.
          if (!(error instanceof StoreError) || error instanceof BucketMissingError) throw error;
          failures.push({ key, error });
        }
      },
      { concurrency: this.#concurrency },
    );
    return failures;
  }
}

/** Whether XML 1.0 can hold the text (section 2.2), and no parser would change it. */
function isXml(text: string): boolean {
  return !/[\0-\x1f\ufffe\uffff]|^\s|\s$/u.test(text);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
