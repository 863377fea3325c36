import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import type { FailCode } from '../../common/codes.ts';
import type { Failed, Named, Tally } from '../../common/summary.ts';
import type { Published } from '../../workers/tasks/publish-task.ts';
import { type PublishedFile, PublishedFiles } from './published-files.ts';

interface RechecksOptions {
  readonly tally: Tally;
  /** Returns for each file whether another process has emptied, replaced or removed it. */
  readonly recheck: (files: readonly PublishedFile[]) => Promise<boolean[]>;
  /** Fills files again, or restores them if they are missing. */
  readonly publish: (files: readonly PublishedFile[]) => Promise<Published[]>;
  /** Minimum time between publication and check. */
  readonly afterMs: number;
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /** Called with each file that counts as failed in the end. */
  readonly onFailed: (failed: Failed) => void;
  /** Maximum memory for the queue. @default 32 MiB */
  readonly maxBytes?: number;
}

/** How often a file is filled again before it counts as failed. */
const MAX_REFILLS = 5;

/**
 * Checks the files that a restore has published, and fills them again if another process has undone that: carbon checks
 * whether a file exists and then truncates it, so it empties a file that the restore publishes in between;
 * whisper-resize replaces a file by a copy that it read before the fill.
 *
 * Checks files at the end of the restore. If they exceed the memory for the queue, checks the oldest ones earlier.
 */
export class Rechecks {
  readonly #options: RechecksOptions;
  readonly #files: PublishedFiles;
  #lastAdded = 0;

  constructor(options: RechecksOptions) {
    this.#options = options;
    this.#files = new PublishedFiles(options.maxBytes);
  }

  async add(files: readonly PublishedFile[]): Promise<void> {
    this.#add(files);
    while (this.#files.isFull && !this.#isStopped) await this.#check(this.#files.take());
  }

  /** Checks the remaining files, and again those that had to be filled. */
  async finish(): Promise<void> {
    while (this.#files.batches > 0 && !this.#isStopped) {
      await this.#waitUntilDue();
      await pMap(this.#takeRound(), (files) => this.#check(files), { concurrency: this.#options.concurrency });
    }
  }

  get #isStopped(): boolean {
    return this.#options.signal.aborted;
  }

  #add(files: readonly PublishedFile[]): void {
    if (files.length === 0) return;
    this.#files.add(files);
    this.#lastAdded = performance.now();
  }

  async #waitUntilDue(): Promise<void> {
    const { afterMs, signal } = this.#options;
    const left = this.#lastAdded + afterMs - performance.now();
    // An abort ends the sleep; the caller checks for it.
    if (left > 0) await sleep(left, undefined, { signal }).catch(() => {});
  }

  /** Takes the batches that are in the queue now. Files that are filled again wait for the next round. */
  *#takeRound(): Generator<readonly PublishedFile[]> {
    for (let left = this.#files.batches; left > 0 && !this.#isStopped; left--) yield this.#files.take();
  }

  async #check(files: readonly PublishedFile[]): Promise<void> {
    const { recheck, publish } = this.#options;
    // If the thread died, fill all files again.
    const undone = await recheck(files).catch(() => files.map(() => true));
    const again = files.filter((_, i) => undone[i]);
    if (again.length === 0 || this.#isStopped) return;
    const results = await publish(again);
    this.#add(again.flatMap((file, i) => this.#process(file, results[i])));
  }

  /** @returns the file if it has to be checked again. */
  #process(file: PublishedFile, result: Published | undefined): PublishedFile[] {
    const { tally } = this.#options;
    if (!result || this.#isStopped) return [];
    if (result.outcome === 'failed' || result.outcome === 'skipped') {
      this.#fail(file, result.outcome === 'skipped' ? 'REPLACED' : result.code, result.reason);
      return [];
    }
    if (result.outcome === 'unchanged' || !result.trace) return [];
    if (file.again === MAX_REFILLS) {
      this.#fail(file, 'REPLACED', 'stop that process, and restore the metric again');
      return [];
    }
    if (file.again === 0) tally.add('refilled');
    if (result.outcome === 'backfilled') tally.add('pointsFilled', result.filled);
    tally.note({
      ...namesOf(file),
      code: 'REFILLED',
      reason: `another process emptied, replaced or removed it after it was ${file.outcome}: ${result.outcome} again`,
    });
    return [{ ...file, trace: result.trace, again: file.again + 1 }];
  }

  #fail(file: PublishedFile, code: FailCode, reason: string): void {
    const { outcome, isReplaced = false } = file;
    const { tally, onFailed } = this.#options;
    tally.add(outcome, -1);
    if (isReplaced) tally.add('replaced', -1);
    const why = `another process emptied, replaced or removed it after it was ${outcome}: ${reason}`;
    const failed = { ...namesOf(file), code, reason: why };
    tally.fail(failed);
    onFailed(failed);
  }
}

function namesOf({ metric, target }: PublishedFile): Pick<Named, 'metric' | 'target'> {
  return { metric, ...(target !== undefined && { target }) };
}
