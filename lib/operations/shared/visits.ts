import { pMapIterable } from 'p-map';
import type { Count } from '../../common/codes.ts';
import { PendingCalls } from '../../common/pending-calls.ts';
import type { Run } from './run.ts';

interface VisitOptions {
  /** For the progress bar, e.g. `Restoring`. */
  readonly phase: string;
  /** The counter of bytes to show. @default none */
  readonly bytes?: Count;
  readonly concurrency: number;
  /** How many finished visits may wait for an earlier, slower one. @default 8 */
  readonly maxWaiting?: number;
  /** The number of items. @default unknown until the survey ends */
  readonly total?: number;
}

/** The loop of every operation: visits the items of a survey in parallel, and reports progress. */
export class Visits {
  readonly #run: Run;
  readonly #options: VisitOptions;
  #done = 0;
  #found: number;
  #isComplete: boolean;

  constructor(run: Run, options: VisitOptions) {
    this.#run = run;
    this.#options = options;
    this.#found = options.total ?? 0;
    this.#isComplete = options.total !== undefined;
  }

  /**
   * Yields the pages of a survey until the run must stop.
   *
   * @param countOf returns how many items of a page count as found; not needed with `total`.
   */
  async *untilStopped<T>(pages: AsyncIterable<T>, countOf?: (page: T) => number): AsyncGenerator<T> {
    for await (const page of pages) {
      if (this.#run.mustStop) return;
      this.#found += countOf?.(page) ?? 0;
      yield page;
    }
    this.#isComplete = true;
  }

  /**
   * Yields results in the order of the items. After an error too, waits for running visits, so that they are counted.
   */
  async *each<T, R>(items: AsyncIterable<T>, visit: (item: T) => Promise<R>): AsyncGenerator<R> {
    const { concurrency, maxWaiting = 8 } = this.#options;
    const pending = new PendingCalls();
    try {
      const results = pMapIterable(items, (item) => pending.track(visit(item)), {
        concurrency,
        backpressure: concurrency + maxWaiting,
      });
      yield* results as AsyncIterable<R>;
    } finally {
      await pending.waitForAll();
    }
  }

  /** Reports progress. @param done items finished since the last call */
  advance(done = 1): void {
    this.#done += done;
    const { phase, bytes } = this.#options;
    const run = this.#run;
    run.options.report.progress({
      phase,
      done: this.#done,
      found: this.#found,
      complete: this.#isComplete,
      failed: run.get('failed') + run.get('damaged') + run.get('differing'),
      bytes: bytes === undefined ? 0 : run.get(bytes),
    });
  }
}
