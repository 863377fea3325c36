import { pMapIterable } from 'p-map';
import type { Count } from '../../common/codes.ts';
import { UnderWay } from '../../common/under-way.ts';
import type { Run } from './run.ts';

export interface VisitOptions {
  /** What is going on, for the progress bar. */
  readonly phase: string;
  /** The figure that counts bytes. @default none does */
  readonly bytes?: Count;
  /** Visits at once. */
  readonly atOnce: number;
  /** Finished visits that may wait for one that is slow, e.g. for a lock. @default 8 */
  readonly waiting?: number;
  /** How many will be found. @default unknown until all are */
  readonly total?: number;
}

/** The loop of every operation: visits what a survey finds, several at once, and reports progress. */
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
   * Passes on what is found until the run is to stop.
   *
   * @param countOf how many there are in a page, unless the total is known.
   */
  async *untilStopped<T>(pages: AsyncIterable<T>, countOf?: (page: T) => number): AsyncGenerator<T> {
    for await (const page of pages) {
      if (this.#run.isToStop) return;
      this.#found += countOf?.(page) ?? 0;
      yield page;
    }
    this.#isComplete = true;
  }

  /** Returns the results in the order of the items. Always waits for visits under way, also on errors: they count. */
  async *each<T, R>(items: AsyncIterable<T>, visit: (item: T) => Promise<R>): AsyncGenerator<R> {
    const { atOnce, waiting = 8 } = this.#options;
    const underWay = new UnderWay();
    try {
      const results = pMapIterable(items, (item) => underWay.track(visit(item)), {
        concurrency: atOnce,
        backpressure: atOnce + waiting,
      });
      yield* results as AsyncIterable<R>;
    } finally {
      await underWay.settle();
    }
  }

  /** Reports that so many more are done. */
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
