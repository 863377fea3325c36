import { catalog } from '../../bucket/catalog.ts';
import { type Hold, hasHold, readHolds, type UnreadableHold, writeHold } from '../../bucket/hold-file.ts';
import { HOLD_NAME, holdKey, rootOf } from '../../bucket/layout.ts';
import { withDefaults } from '../../common/defaults.ts';
import { InvalidOptionError, WhisperBackupError } from '../../common/errors.ts';
import type { PlaceOptions, RunOptions } from '../../common/options.ts';
import { each } from '../../common/pages.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import { Holds } from '../../expiry/holds.ts';
import type { ObjectStore } from '../../store/store.ts';

export interface HoldOptions extends RunOptions, PlaceOptions {}

export interface AddHoldOptions extends HoldOptions {
  readonly name: string;
  /** Hold the newest backup of each metric before this time, which must not be in the future. @default now */
  readonly date?: Date;
  /** Glob over the dotted name. @default '*' */
  readonly metrics?: string;
  /** When the hold ends. @default never */
  readonly until?: Date;
  readonly reason?: string;
}

/**
 * Stores a hold. It keeps, of each metric that matches, the newest backup before the date: what a restore to that date
 * needs.
 *
 * @returns the hold, and how many backups it keeps now.
 * @throws InvalidOptionError
 * @throws WhisperBackupError `HOLD_EXISTS`, or `NOTHING_MATCHED` if it would keep nothing; then no hold is stored.
 * @throws StoreError
 */
export async function addHold(
  store: ObjectStore,
  options: AddHoldOptions,
): Promise<{ readonly hold: Hold; readonly backups: number }> {
  const { name, until, reason, signal, now, metrics = '*' } = withDefaults(options);
  const created = now();
  const { date = created } = options;
  checkName(name);
  if (date > created)
    throw new InvalidOptionError(
      `Cannot add the hold ${name}: --date is in the future, so later backups would take the place of those it keeps now: ` +
        formatTimestamp(date),
    );
  if (until && until <= created)
    throw new InvalidOptionError(
      `Cannot add the hold ${name}: it would already have ended: --until is ${formatTimestamp(until)}`,
    );
  await store.open({ create: false, signal });
  if (await hasHold(store, options, name, signal))
    throw new WhisperBackupError(
      'HOLD_EXISTS',
      `Cannot add the hold ${name}: ${store.name} already has a hold of this name: choose another, or release it first`,
    );
  const hold: Hold = { name, created, date, metrics, ...(until && { until }), ...(reason !== undefined && { reason }) };
  const holds = new Holds([hold], created);
  let backups = 0;
  for await (const stored of each(catalog(store, options, { signal, onDisorder() {} }), signal))
    backups += holds.of(stored).size;
  if (backups === 0)
    throw new WhisperBackupError(
      'NOTHING_MATCHED',
      `Cannot add the hold ${name}: ${store.name} has no backup before ${formatTimestamp(date)} of a metric that ` +
        `matches ${JSON.stringify(metrics)}`,
    );
  await writeHold(store, options, hold, signal);
  return { hold, backups };
}

/**
 * Returns all holds of a bucket, also those that have ended or cannot be read.
 *
 * @throws StoreError
 */
export async function listHolds(store: ObjectStore, options: HoldOptions): Promise<readonly (Hold | UnreadableHold)[]> {
  const { signal } = withDefaults(options);
  await store.open({ create: false, signal });
  return readHolds(store, options, signal);
}

/**
 * Deletes a hold, also one that cannot be read. Retention and purge apply again to what it kept.
 *
 * @throws InvalidOptionError if this store must not delete.
 * @throws WhisperBackupError `NO_HOLD` if there is none of this name.
 * @throws StoreError
 */
export async function releaseHold(store: ObjectStore, options: HoldOptions & { readonly name: string }): Promise<void> {
  const { name, signal } = withDefaults(options);
  checkName(name);
  if (store.mayDelete === false)
    throw new InvalidOptionError(
      `Cannot release the hold ${name} of ${store.name}: 'deletes' is never on this host: release it where deletes are allowed`,
    );
  await store.open({ create: false, signal });
  if (!(await hasHold(store, options, name, signal)))
    throw new WhisperBackupError('NO_HOLD', `Cannot release the hold ${name}: ${store.name} has no hold of this name`);
  const [failure] = await store.delete([holdKey(rootOf(options), name)], { signal });
  if (failure) throw failure.error;
}

function checkName(name: string): void {
  if (!HOLD_NAME.test(name))
    throw new InvalidOptionError(
      `Cannot use ${JSON.stringify(name)} as the name of a hold: it must start with a letter or digit, and have up to 128 ` +
        'letters, digits and . _ - + :',
    );
}
