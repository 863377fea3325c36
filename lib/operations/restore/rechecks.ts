import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import type { FailCode } from '../../common/codes.ts';
import type { Tally } from '../../common/summary.ts';
import type { Published } from '../../workers/tasks/publish.ts';
import { type PublishedFile, PublishedFiles } from './published-files.ts';

/** What a second look at restored files needs. */
interface RechecksOptions {
  readonly tally: Tally;
  /** Returns for each file whether another process has emptied, replaced or removed it. */
  readonly recheck: (files: readonly PublishedFile[]) => Promise<boolean[]>;
  /** Fills files again, or restores those that are gone. */
  readonly publish: (files: readonly PublishedFile[]) => Promise<Published[]>;
  /** Shortest time between the publication of a file and its check, in milliseconds. */
  readonly afterMs: number;
  /** How many batches to check at once. */
  readonly atOnce: number;
  readonly signal: AbortSignal;
  /** How much memory to use, in bytes. @default 32 MiB */
  readonly maxBytes?: number;
}

/** How often a file is filled again before it fails. */
const TIMES = 5;

/**
 * Checks the files that a restore has published, and fills them again if another process has undone it: carbon tests
 * whether a file exists before it creates it, so it empties a file that the restore publishes in between; whisper-resize
 * replaces a file by a copy that it read before the fill.
 *
 * Checks files at the end of the restore, but the oldest ones earlier if there are more than fit into memory.
 */
export class Rechecks {
  readonly #options: RechecksOptions;
  readonly #files: PublishedFiles;
  #lastAdded = 0;

  constructor(options: RechecksOptions) {
    this.#options = options;
    this.#files = new PublishedFiles(options.maxBytes);
  }

  /** Adds published files, and checks the oldest if there are too many. */
  async add(files: readonly PublishedFile[]): Promise<void> {
    this.#remember(files);
    while (this.#files.isFull && !this.#isStopped) await this.#look(this.#files.take());
  }

  /** Checks the files that are left, until none was changed. */
  async finish(): Promise<void> {
    while (this.#files.batches > 0 && !this.#isStopped) {
      await this.#wait();
      await pMap(this.#takeAll(), (files) => this.#look(files), { concurrency: this.#options.atOnce });
    }
  }

  get #isStopped(): boolean {
    return this.#options.signal.aborted;
  }

  #remember(files: readonly PublishedFile[]): void {
    if (files.length === 0) return;
    this.#files.add(files);
    this.#lastAdded = performance.now();
  }

  async #wait(): Promise<void> {
    const { afterMs, signal } = this.#options;
    const left = this.#lastAdded + afterMs - performance.now();
    // An abort ends it at once; the caller checks for that.
    if (left > 0) await sleep(left, undefined, { signal }).catch(() => {});
  }

  /** The batches that are there now. Files that are filled again wait for the next round. */
  *#takeAll(): Generator<readonly PublishedFile[]> {
    for (let left = this.#files.batches; left > 0 && !this.#isStopped; left--) yield this.#files.take();
  }

  async #look(files: readonly PublishedFile[]): Promise<void> {
    const { recheck, publish } = this.#options;
    // If the thread died, fill each file again.
    const undone = await recheck(files).catch(() => files.map(() => true));
    const again = files.filter((_, i) => undone[i]);
    if (again.length === 0 || this.#isStopped) return;
    const results = await publish(again);
    this.#remember(again.flatMap((file, i) => this.#settle(file, results[i])));
  }

  /** @returns the file if it has to be checked again. */
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
