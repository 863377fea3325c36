import { compareKeys } from '../common/order.ts';
import type { Page, StoredObject } from '../store/store.ts';

/** A part of the key space, to be listed when it is its turn. */
export interface Part {
  open(): AsyncIterator<Page>;
  /** The last key that belongs to it, whatever the listing tells beyond. @default all do */
  readonly last?: string;
}

export interface SideBySideOptions {
  /** How many parts are listed at once. */
  readonly most: number;
  /** How many objects of each are held until it is its turn. */
  readonly held: number;
  /** Aborted in the end, by whatever it came: so that listings which obey it end at once. */
  readonly controller: AbortController;
}

/**
 * Lists parts of the key space side by side, ahead of the reader, and tells their objects in the order of the parts, by
 * the batch. Memory is bounded by `most` times `held`.
 *
 * When one part fails all end; none is left running when this has ended.
 *
 * @throws what the listing of a part throws, as soon as it does.
 */
export async function* sideBySide(
  parts: readonly Part[],
  { most, held, controller }: SideBySideOptions,
): AsyncGenerator<Page, void, void> {
  const running: Prefetch[] = [];
  const failures: unknown[] = [];
  const fail = (error: unknown) => {
    failures.push(error);
    running[0]?.wake();
  };
  let next = 0;
  try {
    for (;;) {
      for (; next < parts.length && running.length < most; next++) {
        const part = parts[next];
        if (part) running.push(new Prefetch(part, held, fail));
      }
      const first = running[0];
      if (!first) return;
      if (failures.length > 0) throw failures[0];
      const batch = await first.take();
      if (failures.length > 0) throw failures[0];
      if (batch) yield batch;
      else running.shift();
    }
  } finally {
    controller.abort();
    await Promise.all(running.map((prefetch) => prefetch.close()));
  }
}

/** Reads one part ahead. */
class Prefetch {
  readonly #held: number;
  readonly #ended: Promise<void>;
  #batch: StoredObject[] = [];
  #isDone = false;
  #isClosed = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(part: Part, held: number, onFailure: (error: unknown) => void) {
    this.#held = held;
    this.#ended = this.#read(part)
      .catch((error) => {
        if (!this.#isClosed) onFailure(error);
      })
      .finally(() => {
        this.#isDone = true;
        this.wake();
      });
  }

  /** What has come since the last time, or undefined when there is no more, or someone woke us. */
  async take(): Promise<Page | undefined> {
    if (this.#batch.length === 0 && !this.#isDone) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
    const batch = this.#batch;
    this.#batch = [];
    this.#resume();
    return batch.length > 0 ? batch : undefined;
  }

  wake(): void {
    this.#wakeReader?.();
    this.#wakeReader = undefined;
  }

  /** Ends it, and resolves when it has. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#resume();
    return this.#ended;
  }

  #resume(): void {
    this.#wakeWriter?.();
    this.#wakeWriter = undefined;
  }

  async #read({ open, last }: Part): Promise<void> {
    const pages = open();
    let isOpen = true;
    try {
      while (!this.#isClosed) {
        const step = await pages.next();
        if (step.done) {
          isOpen = false;
          return;
        }
        const end = last === undefined ? -1 : step.value.findIndex(({ key }) => compareKeys(key, last) > 0);
        for (const object of end < 0 ? step.value : step.value.slice(0, end)) this.#batch.push(object);
        if (end >= 0) return;
        if (this.#wakeReader && this.#batch.length > 0) this.wake();
        if (this.#batch.length >= this.#held) {
          await new Promise<void>((resolve) => {
            this.#wakeWriter = resolve;
          });
        }
      }
    } catch (error) {
      isOpen = false;
      throw error;
    } finally {
      if (isOpen) await pages.return?.();
    }
  }
}
