import { compareKeys } from '../common/order.ts';
import type { Page, StoredObject } from '../store/store.ts';

export interface Part {
  open(): AsyncIterator<Page>;
  /** The last key of the part; later keys in its listing are ignored. @default no limit */
  readonly last?: string;
}

interface SideBySideOptions {
  readonly parallel: number;
  /** How many objects of each part are buffered until its turn. */
  readonly maxBuffered: number;
  /** Always aborted on exit, so that listings that use its signal end at once. */
  readonly controller: AbortController;
}

/**
 * Lists parts of the key space in parallel, ahead of the reader, and yields batches of objects in the order of the
 * parts. Memory is bounded by `parallel` times `maxBuffered`. If one part fails, all others are stopped, and this waits
 * for their end.
 *
 * @throws Error of the first part that fails, immediately.
 */
export async function* sideBySide(
  parts: readonly Part[],
  { parallel, maxBuffered, controller }: SideBySideOptions,
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
      for (; next < parts.length && running.length < parallel; next++) {
        const part = parts[next];
        if (part) running.push(new Prefetch(part, maxBuffered, fail));
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

class Prefetch {
  readonly #maxBuffered: number;
  readonly #end: Promise<void>;
  #batch: StoredObject[] = [];
  #isDone = false;
  #isClosed = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(part: Part, maxBuffered: number, onFailure: (error: unknown) => void) {
    this.#maxBuffered = maxBuffered;
    this.#end = this.#read(part)
      .catch((error) => {
        if (!this.#isClosed) onFailure(error);
      })
      .finally(() => {
        this.#isDone = true;
        this.wake();
      });
  }

  /** Waits for objects. @returns the new objects, or undefined at the end or after {@link wake}. */
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

  close(): Promise<void> {
    this.#isClosed = true;
    this.#resume();
    return this.#end;
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
        if (this.#batch.length >= this.#maxBuffered) {
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
