import { GuardError } from '../common/errors.ts';
import type { PlaceOptions, RunOptions } from '../common/options.ts';
import type { ObjectStore } from '../store/store.ts';
import { rootOf } from './layout.ts';

/** What a host remembers between runs: the names of the buckets that it has backed up to. */
export interface BucketMemory {
  load(): Promise<readonly string[]>;
  add(bucket: string): Promise<void>;
}

export interface VanishedOptions extends PlaceOptions, Pick<RunOptions, 'report'> {
  /** @default nothing is remembered */
  readonly bucketMemory?: BucketMemory;
  /** Start anew in a bucket that is missing or has lost its owner marker. @default false */
  readonly create?: boolean;
}

/**
 * Refuses a bucket that was there before and is missing now, or has lost its owner marker: it may not be mounted, and a
 * first backup would go to the disk below. A host that has backed up elsewhere may not create a bucket either, since its
 * name may be a typo; a bucket that somebody has created is fine.
 */
export class VanishedGuard {
  readonly #store: ObjectStore;
  readonly #options: VanishedOptions;
  readonly #name: string;
  #known: readonly string[] = [];
  #isMissing = false;

  constructor(store: ObjectStore, options: VanishedOptions) {
    this.#store = store;
    this.#options = options;
    const root = rootOf(options);
    this.#name = root === '' ? store.name : `${store.name} ${root}`;
  }

  async load(): Promise<void> {
    this.#known = (await this.#options.bucketMemory?.load()) ?? [];
  }

  /** Called when the bucket does not exist. @throws GuardError `BUCKET_VANISHED` */
  readonly onMissing = (): void => {
    this.#isMissing = true;
    if (this.#known.length === 0 || this.#options.create) return;
    const others = this.#known.slice(-3).join(', ');
    throw this.#refusal(
      this.#isKnown
        ? 'it does not exist any more'
        : `it does not exist, and this host has backed up to ${others} before`,
    );
  };

  /** Called when the bucket has no owner marker. @throws GuardError `BUCKET_VANISHED` */
  readonly onUnmarked = (): void => {
    if (!this.#isKnown || this.#options.create) return;
    throw this.#refusal('its owner marker (.whisper-backup/owner.json) is missing');
  };

  /** Remembers a bucket that is marked as this host's, and logs that it was created. */
  async remember(dryRun: boolean): Promise<void> {
    if (this.#isMissing)
      this.#options.report.log('info', `${dryRun ? 'Would create' : 'Created'} ${this.#store.name}: it did not exist`);
    if (!dryRun && !this.#isKnown) await this.#options.bucketMemory?.add(this.#name);
  }

  get #isKnown(): boolean {
    return this.#known.includes(this.#name);
  }

  #refusal(why: string): GuardError {
    const before = this.#isKnown ? ', which this host has backed up to before' : '';
    return new GuardError(
      'BUCKET_VANISHED',
      `Cannot use ${this.#name}${before}: ${why}. Either what holds it is not mounted or was moved: mount it. Or its ` +
        'name or storage path is mistyped: see --bucket. To start anew there, run backup with --create',
    );
  }
}
