import { ByteBudget } from '../../common/byte-budget.ts';
import { codeOf, reasonOf } from '../../common/errors.ts';
import type { JournalLines } from '../../journal/points.ts';
import { WorkerPool } from '../../workers/pool.ts';
import { SharedBudget } from '../../workers/shared-budget.ts';
import type { BackupToRestore, RestoredFile, RestoreRules } from '../../workers/tasks/restore-files.ts';
import type { Run } from '../shared/run.ts';
import { bytesOf } from './journal-source.ts';
import type { PublishedFile } from './published-files.ts';
import type { RestoreOptions } from './restore.ts';
import { windowIn } from './restored-window.ts';

/** Fetches backups and publishes their files in worker threads, within the memory budget. */
export class Publisher {
  readonly #run: Run<RestoreOptions>;
  readonly #pool: WorkerPool;
  /** Compressed bytes in memory. */
  readonly #bodies: ByteBudget;
  /** Uncompressed bytes in memory. */
  readonly #inFlight: SharedBudget;

  constructor(run: Run<RestoreOptions>) {
    const { bytesInFlight } = run.options;
    this.#run = run;
    this.#pool = new WorkerPool(run.options, run.store);
    this.#bodies = new ByteBudget(bytesInFlight);
    this.#inFlight = new SharedBudget(bytesInFlight, this.concurrency);
  }

  get concurrency(): number {
    return this.#pool.concurrency;
  }

  start(): void {
    this.#pool.start();
  }

  /** Restores one file from each backup. Returns results in the order of the backups. */
  async publish(
    files: readonly BackupToRestore[],
    different?: Pick<RestoreRules, 'overwrite' | 'replaceDamaged'>,
  ): Promise<RestoredFile[]> {
    const { options } = this.#run;
    const { prefix, flock, fileLockTimeout, includeDamaged, overwrite, replaceDamaged, dryRun, owner, date } = options;
    const { watcher, window } = options;
    // All lines in one buffer: sending each to a thread would take longer than applying it.
    const lines = new JoinedLines(files.reduce((sum, { journal = [] }) => sum + bytesOf(journal), 0));
    const backups = files.map(({ path, backup, journal = [], schema }) => ({
      ...{ path, backup, journal: journal.map((run) => lines.add(run)) },
      ...(schema && { schema }),
    }));
    const rules: RestoreRules = {
      prefix,
      flock,
      fileLockTimeout,
      includeDamaged,
      overwrite,
      replaceDamaged,
      dryRun,
      now: options.now().getTime(),
      ...(owner && { owner }),
      ...(window && { window: windowIn(window) }),
      ...(date && { date: Math.floor(date.getTime() / 1000) }),
      ...(watcher && { plotAbove: watcher.plotAbove }),
      ...different,
    };
    const bytes = backups.reduce((sum, { backup, journal }) => sum + backup.object.size + bytesOf(journal), 0);
    try {
      return await this.#bodies.run(bytes, () =>
        this.#inFlight.lend((share) => this.#pool.run('restoreFiles', { backups, rules, share }, [lines.bytes])),
      );
    } catch (error) {
      // The thread died. Other threads continue.
      const failed = { outcome: 'failed', code: codeOf(error), reason: reasonOf(error) } as const;
      return backups.map(() => ({ ...failed, backupDamaged: false, fetched: 0 }));
    }
  }

  /** Returns for each file whether another process has emptied, replaced or removed it. */
  recheck(files: readonly PublishedFile[]): Promise<boolean[]> {
    const { prefix } = this.#run.options;
    const traces = files.map(({ path, trace }) => ({ file: `${prefix}/${path}.wsp`, trace }));
    return this.#pool.run('recheck', { files: traces });
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

/** Lines with one buffer, which can be moved to a thread. */
class JoinedLines {
  readonly bytes: Uint8Array;
  #length = 0;

  constructor(bytes: number) {
    this.bytes = new Uint8Array(bytes);
  }

  add({ lines, ...run }: JournalLines): JournalLines {
    const start = this.#length;
    this.bytes.set(lines, start);
    this.#length += lines.length;
    return { ...run, lines: this.bytes.subarray(start, this.#length) };
  }
}
