import { countForeign } from '../../bucket/foreign.ts';
import type { CatalogEvents } from '../../bucket/groups.ts';
import { COUNTS, type Count } from '../../common/codes.ts';
import { type WithDefaults, withDefaults } from '../../common/defaults.ts';
import { codeOf, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import type { RunOptions } from '../../common/options.ts';
import { type Failed, type Summary, Tally } from '../../common/summary.ts';
import { StoreError } from '../../store/errors.ts';
import type { ObjectStore } from '../../store/store.ts';
import type { BlindSpot } from '../../tree/walk.ts';

/** Options of every operation that returns a summary. */
export interface OperationOptions extends RunOptions {
  /** Only report what would be done. The store must be wrapped so that it writes nothing. @default false */
  readonly dryRun?: boolean;
  /** Called with the summary so far if an error of the store ends the run, before the error is thrown. */
  readonly onEndedEarly?: (summary: Summary) => void;
}

export class Run<O extends OperationOptions = OperationOptions> extends Tally {
  readonly store: ObjectStore;
  readonly options: WithDefaults<O>;
  readonly began: Date;
  readonly #settings: WithDefaults<OperationOptions>;
  readonly #command: Summary['command'];
  #noLocks: WhisperBackupError | undefined;

  /** @param counts additional counters that are printed even if they are 0. */
  constructor(command: Summary['command'], store: ObjectStore, options: O, counts: readonly Count[] = []) {
    super([...COUNTS[command], ...counts]);
    this.#command = command;
    this.store = store;
    this.options = withDefaults(options);
    this.#settings = this.options as WithDefaults<OperationOptions>;
    this.began = this.#settings.now();
  }

  /**
   * Runs the operation and returns its summary.
   *
   * @param operation returns additional fields of the summary, if any.
   * @throws Error of the operation. If the store failed after it was opened, `onEndedEarly` gets the summary first.
   */
  async summarize<T extends object = object>(operation: () => Promise<T | undefined>): Promise<Summary & T> {
    try {
      const more = await operation();
      return { ...this.#summary(), ...(more as T) };
    } catch (error) {
      if (error instanceof StoreError && this.begun) {
        this.stop(codeOf(error), reasonOf(error));
        this.#settings.onEndedEarly?.(this.#summary());
      }
      throw error;
    }
  }

  override fail(named: Failed): void {
    super.fail(named);
    // Without support for locks every file would fail in the same way, so stop and report it once.
    if (named.code === 'NO_LOCKS') this.#noLocks ??= new WhisperBackupError(named.code, named.reason);
  }

  failWith(metric: string, error: unknown): void {
    this.fail({ metric, code: codeOf(error), reason: reasonOf(error) });
  }

  failBlind({ file, error }: BlindSpot): void {
    this.failWith(file, error);
  }

  get mustStop(): boolean {
    return this.#settings.signal.aborted || this.#noLocks !== undefined;
  }

  /** @throws WhisperBackupError `NO_LOCKS`. @throws Error that is the signal's reason. */
  throwIfStopped(): void {
    this.#settings.signal.throwIfAborted();
    if (this.#noLocks) throw this.#noLocks;
  }

  /** Counts foreign keys and logs disorder. Operations for which disorder is an error replace `onDisorder`. */
  get events(): CatalogEvents & Required<Pick<CatalogEvents, 'onForeign' | 'onOwn' | 'signal'>> {
    const { report, signal, onOwn = () => {} } = this.#settings;
    return {
      onForeign: (key) => countForeign(this, key),
      onOwn,
      onDisorder: (previous, key) =>
        report.log('warn', `The listing of ${this.store.name} was not in order: ${key} after ${previous}`),
      signal,
    };
  }

  #summary(): Summary {
    return this.finish({ command: this.#command, store: this.store.name, dryRun: this.#settings.dryRun });
  }
}
