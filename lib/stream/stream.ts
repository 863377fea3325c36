import type { Worker } from 'node:worker_threads';
import { reasonOf, WhisperBackupError } from '../common/errors.ts';
import { withFilesRemedy } from '../system/open-files.ts';
import { type ErrorMaker, revive } from './flat-error.ts';
import { Flow } from './flow.ts';
import type { ThreadMessage, ThreadOrder } from './thread.ts';
import { endThread, parkThread, takeThread } from './threads.ts';

export interface StreamOptions {
  /** File that the thread runs and that calls `produce`: a TypeScript source or the output of `scripts/build.ts`. */
  readonly entry: URL;
  readonly task: unknown;
  /** Ends the thread at once; the stream then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Restores the classes of errors from the thread. */
  readonly makeError?: ErrorMaker;
}

/**
 * Yields batches that a worker thread produces. This thread stays free to handle signals and deadlines even if a file
 * system hangs. The thread is at most a few batches ahead. It ends with the stream, on abort, and when the reader stops
 * early; nothing waits for a thread that hangs.
 *
 * @throws Error that the thread threw.
 * @throws WhisperBackupError `THREAD_FAILED` if the thread could not start or died.
 */
export async function* stream<Batch>(options: StreamOptions): AsyncGenerator<Batch, void, void> {
  const { signal } = options;
  signal?.throwIfAborted();
  const source = new Source<Batch>(options);
  const abort = () => source.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    for (let batch = await source.next(); batch !== undefined; batch = await source.next()) yield batch;
  } finally {
    signal?.removeEventListener('abort', abort);
    source.stop();
  }
}

class Source<Batch> {
  readonly #flow = new Flow();
  readonly #entry: URL;
  readonly #worker: Worker;
  readonly #ready: Batch[] = [];
  #failure: { readonly error: unknown } | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor({ entry, task, makeError }: StreamOptions) {
    this.#entry = entry;
    const order: ThreadOrder<unknown> = { task, cells: this.#flow.cells };
    try {
      this.#worker = takeThread(entry, order);
    } catch (error) {
      throw threadFailed(entry, reasonOf(error), error);
    }
    this.#worker.on('message', (message: ThreadMessage<Batch>) => {
      if (message.kind === 'batch') this.#ready.push(message.batch);
      else if (message.kind === 'end') this.#ended = true;
      else this.#failure ??= { error: revive(message.error, makeError) };
      this.#wake?.();
    });
    this.#worker.on('error', (error) => this.fail(threadFailed(entry, reasonOf(error), error)));
    this.#worker.on('messageerror', (error) => this.fail(threadFailed(entry, reasonOf(error), error)));
    this.#worker.on('exit', (code) => this.fail(threadFailed(entry, `it exited with code ${code}`)));
  }

  /**
   * Returns the batches before a failure of the thread first.
   *
   * @returns undefined at the end.
   */
  async next(): Promise<Batch | undefined> {
    for (;;) {
      const batch = this.#ready.shift();
      if (batch !== undefined) {
        this.#flow.take();
        return batch;
      }
      if (this.#ended) return undefined;
      if (this.#failure) throw this.#failure.error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  abort(reason: unknown): void {
    this.#ready.length = 0;
    this.#ended = false;
    this.#failure = { error: reason };
    this.stop();
    this.#wake?.();
  }

  fail(error: unknown): void {
    if (this.#ended || this.#failure) return;
    this.#failure = { error };
    this.#wake?.();
  }

  stop(): void {
    this.#flow.stop();
    if (this.#ended && !this.#failure) parkThread(this.#entry, this.#worker);
    else endThread(this.#worker);
  }
}

function threadFailed(entry: URL, why: string, cause?: unknown): WhisperBackupError {
  const name = entry.pathname.slice(entry.pathname.lastIndexOf('/') + 1);
  const message = withFilesRemedy(`The worker thread ${name} failed: ${why}`);
  return new WhisperBackupError('THREAD_FAILED', message, { cause });
}
