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
  /** Called with what was done so far when the store ends the run early; the error follows. */
  readonly onEndedEarly?: (summary: Summary) => void;
}

/** An operation while it runs: its options with their defaults, what it has counted, and whether it has to stop. */
export class Run<O extends OperationOptions = OperationOptions> extends Tally {
  readonly store: ObjectStore;
  readonly options: WithDefaults<O>;
  /** When the run began. */
  readonly began: Date;
  readonly #settings: WithDefaults<OperationOptions>;
  readonly #command: Summary['command'];
  #noLocks: WhisperBackupError | undefined;

  /** @param counts more counters that are printed even when they are 0. */
  constructor(command: Summary['command'], store: ObjectStore, options: O, counts: readonly Count[] = []) {
    super([...COUNTS[command], ...counts]);
    this.#command = command;
    this.store = store;
    this.options = withDefaults(options);
    this.#settings = this.options as WithDefaults<OperationOptions>;
    this.began = this.#settings.now();
  }

  /**
   * Carries out the operation. If the store ends it early after it was opened, passes on what was done so far.
   *
   * @param operation returns what to add to the summary, if anything.
   * @throws what the operation throws.
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
    // On a file system without locks every file would fail alike: stop, and report it once.
    if (named.code === 'NO_LOCKS') this.#noLocks ??= new WhisperBackupError(named.code, named.reason);
  }

  failWith(metric: string, error: unknown): void {
    this.fail({ metric, code: codeOf(error), reason: reasonOf(error) });
  }

  failBlind({ file, error }: BlindSpot): void {
    this.failWith(file, error);
  }

  get isToStop(): boolean {
    return this.#settings.signal.aborted || this.#noLocks !== undefined;
  }

  /** @throws the signal's reason; WhisperBackupError `NO_LOCKS`. */
  throwIfStopped(): void {
    this.#settings.signal.throwIfAborted();
    if (this.#noLocks) throw this.#noLocks;
  }

  /** Counts foreign keys and logs disorder. Operations that delete, or must see everything, handle disorder themselves. */
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
