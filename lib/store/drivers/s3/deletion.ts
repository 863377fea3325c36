import pMap from 'p-map';
import { BucketMissingError, NotFoundError, PermanentError, StoreError } from '../../errors.ts';
import { checkKey } from '../../key.ts';
import type { DeleteFailure } from '../../store.ts';

const BATCH_KEYS = 1000;

export interface DeletionRequests {
  /** Deletes up to 1,000 keys with one request. @returns the keys that could not be deleted. */
  readonly batch: (keys: readonly string[]) => Promise<readonly DeleteFailure[]>;
  readonly single: (key: string) => Promise<void>;
}

/**
 * Deletes keys, 1,000 per request, or one by one if the store does not support DeleteObjects, as some S3-compatible
 * stores. After the store has rejected one batch, no further batch is sent.
 */
export class Deletion {
  readonly #concurrency: number;
  #batches = true;

  /** @param concurrency maximum number of concurrent single deletes. */
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
    for (let at = 0; at < batched.length; at += BATCH_KEYS) {
      const batch = batched.slice(at, at + BATCH_KEYS);
      const result = batch.length > 1 ? await this.#tryBatch(batch, requests) : undefined;
      if (result) failures.push(...result);
      else single.push(...batch);
    }
    failures.push(...(await this.#deleteSingly(single, requests)));
    return failures;
  }

  /** @returns undefined if the keys must be deleted one by one. */
  async #tryBatch(keys: readonly string[], requests: DeletionRequests): Promise<readonly DeleteFailure[] | undefined> {
    if (!this.#batches) return undefined;
    try {
      const failures = await requests.batch(keys);
      // If the response has an unknown key, keys were garbled and perhaps not deleted.
      const sent = new Set(keys);
      return failures.every(({ key }) => sent.has(key)) ? failures : undefined;
    } catch (error) {
      // Some stores respond with 404 to unknown requests.
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
          // An abort or a missing bucket is not a failure of this key.
          if (!(error instanceof StoreError) || error instanceof BucketMissingError) throw error;
          failures.push({ key, error });
        }
      },
      { concurrency: this.#concurrency },
    );
    return failures;
  }
}

/** Returns whether XML 1.0 (section 2.2) can represent the text and parsers preserve it. */
function isXml(text: string): boolean {
  return !/[\0-\x1f\ufffe\uffff]|^\s|\s$/u.test(text);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
