import { GuardError } from '../common/errors.ts';
import type { PlaceOptions, RunOptions } from '../common/options.ts';
import type { ObjectStore } from '../store/store.ts';
import { rootOf } from './layout.ts';

/** The names of the buckets to which this host has backed up, kept between runs. */
export interface BucketMemory {
  load(): Promise<readonly string[]>;
  add(bucket: string): Promise<void>;
}

export interface VanishedOptions extends PlaceOptions, Pick<RunOptions, 'report'> {
  /** @default no memory, so no bucket is refused */
  readonly bucketMemory?: BucketMemory;
  /** Accept a bucket that is missing or has no owner marker any more. @default false */
  readonly create?: boolean;
}

/**
 * Refuses a known bucket that is missing or has no owner marker any more: it may not be mounted, and the backup would
 * go to the disk below the mount point. Also refuses to create a bucket on a host that has backed up to another one,
 * because the name may be mistyped; an existing bucket is accepted.
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

  /** Called if the bucket does not exist. @throws GuardError `BUCKET_VANISHED` */
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

  /** Called if the bucket has no owner marker. @throws GuardError `BUCKET_VANISHED` */
  readonly onUnmarked = (): void => {
    if (!this.#isKnown || this.#options.create) return;
    throw this.#refusal('its owner marker (.whisper-backup/owner.json) is missing');
  };

  /** Remembers the bucket once it has this host's owner marker, and logs if it was created. */
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
      `Cannot use ${this.#name}${before}: ${why}. If its disk is not mounted, mount it. If its name or storage path is ` +
        'mistyped, check --bucket and --storage-path. To create it and start with an empty bucket, run backup with --create.',
    );
  }
}
