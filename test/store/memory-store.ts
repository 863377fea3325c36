import { createHash } from 'node:crypto';
import { compareKeys } from '../../lib/common/order.ts';
import { BucketMissingError, NotFoundError, TooLargeError } from '../../lib/store/errors.ts';
import { checkKey, quoted } from '../../lib/store/key.ts';
import type { GetOptions, ListRange, ObjectStore, OpenOptions, StoredObject } from '../../lib/store/store.ts';

export interface MemoryStoreOptions {
  /** The store's clock. @default () => new Date() */
  readonly now?: () => Date;
  /** Objects listed at once; between two pages others may change what is stored. @default 1000 */
  readonly pageSize?: number;
  /** Whether listings tell the MD5 of each object, as S3 and Swift do. @default true */
  readonly md5?: boolean;
  /** Whether the bucket is there before `open({ create: true })`. @default true */
  readonly exists?: boolean;
}

/** Objects in memory, for tests and examples: it behaves like an object store on a network, paging and clock included. */
export function createMemoryStore(options: MemoryStoreOptions = {}): ObjectStore {
  return new MemoryStore(options);
}

type Signalled = { readonly signal?: AbortSignal };

interface Held {
  readonly object: StoredObject;
  readonly body: Uint8Array;
}

class MemoryStore implements ObjectStore {
  readonly name = 'memory';
  readonly #now: () => Date;
  readonly #pageSize: number;
  readonly #md5: boolean;
  readonly #held = new Map<string, Held>();
  #exists: boolean;
  /** All keys in order, until one comes or goes. */
  #sorted: readonly string[] | undefined;

  constructor({ now = () => new Date(), pageSize = 1000, md5 = true, exists = true }: MemoryStoreOptions) {
    this.#now = now;
    this.#pageSize = pageSize;
    this.#md5 = md5;
    this.#exists = exists;
  }

  async open({ create, onMissing, signal }: OpenOptions): Promise<void> {
    signal?.throwIfAborted();
    if (create && !this.#exists) {
      onMissing?.();
      this.#exists = true;
    }
    this.#check();
  }

  async *list({
    prefix = '',
    startAfter,
    endBefore,
    signal,
  }: ListRange = {}): AsyncGenerator<StoredObject, void, void> {
    let after = startAfter;
    for (;;) {
      const page = await this.#page(prefix, after, endBefore, signal);
      yield* page;
      const last = page.at(-1);
      if (!last || page.length < this.#pageSize) return;
      after = last.key;
    }
  }

  async #page(prefix: string, after?: string, endBefore?: string, signal?: AbortSignal): Promise<StoredObject[]> {
    signal?.throwIfAborted();
    this.#check();
    this.#sorted ??= [...this.#held.keys()].sort(compareKeys);
    const page: StoredObject[] = [];
    const start = after !== undefined && compareKeys(after, prefix) >= 0 ? after : prefix;
    for (let i = lowerBound(this.#sorted, start); i < this.#sorted.length && page.length < this.#pageSize; i++) {
      const key = this.#sorted[i] ?? '';
      if (key === after) continue;
      if (!key.startsWith(prefix) || (endBefore !== undefined && compareKeys(key, endBefore) >= 0)) break;
      const held = this.#held.get(key);
      if (held) page.push(held.object);
    }
    return page;
  }

  async get(key: string, { maxBytes, range, signal }: GetOptions): Promise<Uint8Array> {
    signal?.throwIfAborted();
    checkKey(key, 'read');
    this.#check();
    const held = this.#held.get(key);
    if (!held) throw new NotFoundError(`Cannot read ${quoted(key)} from ${this.name}: there is no such object`);
    const body = held.body.slice(range?.start, range?.end);
    if (body.length > maxBytes) {
      throw new TooLargeError(
        `Cannot read ${quoted(key)} from ${this.name}: it has ${body.length} bytes, the limit is ${maxBytes}`,
      );
    }
    return body;
  }

  async put(key: string, body: Uint8Array, { signal }: Signalled = {}): Promise<void> {
    signal?.throwIfAborted();
    checkKey(key, 'store');
    this.#check();
    if (!this.#held.has(key)) this.#sorted = undefined;
    const md5 = this.#md5 ? { md5: createHash('md5').update(body).digest('hex') } : {};
    this.#held.set(key, { object: { key, size: body.length, modified: this.#now(), ...md5 }, body: body.slice() });
  }

  async delete(keys: readonly string[], { signal }: Signalled = {}): Promise<[]> {
    signal?.throwIfAborted();
    this.#check();
    for (const key of keys) if (this.#held.delete(key)) this.#sorted = undefined;
    return [];
  }

  async clock({ signal }: Signalled = {}): Promise<Date> {
    signal?.throwIfAborted();
    return this.#now();
  }

  async flush({ signal }: Signalled = {}): Promise<void> {
    signal?.throwIfAborted();
  }

  async close(): Promise<void> {}

  #check(): void {
    if (!this.#exists) throw new BucketMissingError('The bucket in memory does not exist: open it with create');
  }
}

/** Where the first key that is not before `key` stands. */
function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(sorted[middle] ?? '', key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
