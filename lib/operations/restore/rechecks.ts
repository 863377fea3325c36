import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import type { FailCode } from '../../common/codes.ts';
import type { Tally } from '../../common/summary.ts';
import type { Published } from '../../workers/tasks/publish.ts';
import { type PublishedFile, PublishedFiles } from './published-files.ts';

/** What a second look at restored files needs. */
export interface RechecksOptions {
  readonly tally: Tally;
  /** Tells of each file whether another process has emptied, replaced or removed it. */
  readonly recheck: (files: readonly PublishedFile[]) => Promise<boolean[]>;
  /** Fills files once more, or makes those that are gone. */
  readonly publish: (files: readonly PublishedFile[]) => Promise<Published[]>;
  /** How long after it was published a file is looked at again at the earliest, in milliseconds. */
  readonly afterMs: number;
  /** Batches looked at side by side. */
  readonly atOnce: number;
  readonly signal?: AbortSignal;
  /** How much is remembered, in bytes. @default 32 MiB */
  readonly maxBytes?: number;
}

/** How often one file is filled again before it counts as failed. */
const TIMES = 5;

/**
 * Looks again at what a restore has published. carbon asks whether a file is there before it creates it: when the
 * restore makes the file in between, carbon empties it. whisper-resize puts a copy from before the fill in its place.
 * Such files are filled again.
 *
 * They are looked at when the restore is over, but the oldest earlier if there are more than can be remembered.
 */
export class Rechecks {
  readonly #options: RechecksOptions;
  readonly #files: PublishedFiles;
  #lastAdded = 0;

  constructor(options: RechecksOptions) {
    this.#options = options;
    this.#files = new PublishedFiles(options.maxBytes);
  }

  /** Remembers files that were published, and looks at the oldest if there are too many. */
  async add(files: readonly PublishedFile[]): Promise<void> {
    this.#remember(files);
    while (this.#files.isFull && !this.#isStopped) await this.#look(this.#files.take());
  }

  /** Looks at all that are left, until all are as they were left. */
  async finish(): Promise<void> {
    while (this.#files.batches > 0 && !this.#isStopped) {
      await this.#wait();
      await pMap(this.#takeAll(), (files) => this.#look(files), { concurrency: this.#options.atOnce });
    }
  }

  get #isStopped(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  #remember(files: readonly PublishedFile[]): void {
    if (files.length === 0) return;
    this.#files.add(files);
    this.#lastAdded = performance.now();
  }

  async #wait(): Promise<void> {
    const { afterMs, signal } = this.#options;
    const left = this.#lastAdded + afterMs - performance.now();
    // Aborted it ends at once, which the caller finds out by itself.
    if (left > 0) await sleep(left, undefined, { ...(signal && { signal }) }).catch(() => {});
  }

  /** Those that are there now: what is filled again meanwhile waits for the next round. */
  *#takeAll(): Generator<readonly PublishedFile[]> {
    for (let left = this.#files.batches; left > 0 && !this.#isStopped; left--) yield this.#files.take();
  }

  async #look(files: readonly PublishedFile[]): Promise<void> {
    const { recheck, publish } = this.#options;
    // When the thread died, each is tried again.
    const undone = await recheck(files).catch(() => files.map(() => true));
    const again = files.filter((_, i) => undone[i]);
    if (again.length === 0 || this.#isStopped) return;
    const results = await publish(again);
    this.#remember(again.flatMap((file, i) => this.#settle(file, results[i])));
  }

  /** @returns the file if it is to be looked at once more. */
  #settle(file: PublishedFile, result: Published | undefined): PublishedFile[] {
    const { tally } = this.#options;
    if (!result || this.#isStopped) return [];
    if (result.outcome === 'failed') {
      this.#fail(file, result.code, result.reason);
      return [];
    }
    if (result.outcome === 'unchanged' || !result.trace) return [];
    if (file.again === TIMES) {
      this.#fail(file, 'REPLACED', 'stop what does that, and restore it again');
      return [];
    }
    if (file.again === 0) tally.add('refilled');
    if (result.outcome === 'backfilled') tally.add('pointsFilled', result.filled);
    tally.note({
      metric: file.metric,
      code: 'REFILLED',
      reason: `another process emptied, replaced or removed it after it was ${file.outcome}: ${result.outcome} again`,
    });
    return [{ ...file, trace: result.trace, again: file.again + 1 }];
  }

  #fail({ metric, outcome }: PublishedFile, code: FailCode, reason: string): void {
    const { tally } = this.#options;
    tally.add(outcome, -1);
    tally.fail({
      metric,
      code,
      reason: `another process emptied, replaced or removed it after it was ${outcome}: ${reason}`,
    });
  }
}
