import * as v from 'valibot';
import { parseDate } from '../common/date.ts';
import { codeOf, reasonOf, WhisperBackupError } from '../common/errors.ts';
import type { PlaceOptions } from '../common/options.ts';
import type { ObjectStore, StoredObject } from '../store/store.ts';
import { holdKey, holdNameOf, holdsPrefix, rootOf } from './layout.ts';

/** Keeps backups, whatever the rules say: of each metric that matches, the newest before a date. */
export interface Hold {
  readonly name: string;
  readonly created: Date;
  readonly date: Date;
  /** Glob over the dotted name. */
  readonly metrics: string;
  /** The hold ends at this time. @default never */
  readonly until?: Date;
  readonly reason?: string;
}

/** A hold whose file is damaged, of a newer version, or cannot be fetched. What it keeps is unknown. */
export interface UnreadableHold {
  readonly key: string;
  readonly reason: string;
  /** What to do about it. */
  readonly remedy: string;
}

const FORMAT = 'whisper-backup hold 1';

const MAX_FILE_BYTES = 65_536;

const date = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      return parseDate(dataset.value);
    } catch (error) {
      addIssue({ message: reasonOf(error) });
      return NEVER;
    }
  }),
);

const File = v.object({
  format: v.literal(FORMAT),
  created: date,
  date,
  metrics: v.string(),
  until: v.optional(date),
  reason: v.optional(v.string()),
});

/**
 * Reads all holds of a bucket, those that have ended too, in the order of their names.
 *
 * @throws StoreError if the holds cannot be listed.
 */
export async function readHolds(
  store: ObjectStore,
  place: PlaceOptions,
  signal: AbortSignal,
): Promise<readonly (Hold | UnreadableHold)[]> {
  return readListedHolds(store, place, await listHoldObjects(store, place, signal), signal);
}

export async function readListedHolds(
  store: ObjectStore,
  place: PlaceOptions,
  listed: readonly StoredObject[],
  signal: AbortSignal,
): Promise<readonly (Hold | UnreadableHold)[]> {
  const holds: (Hold | UnreadableHold)[] = [];
  for (const { key } of listed) {
    const hold = await readHold(store, rootOf(place), key, signal);
    if (hold) holds.push(hold);
  }
  return holds;
}

/** Lists the objects of all holds of a bucket. @throws StoreError */
export async function listHoldObjects(
  store: ObjectStore,
  place: PlaceOptions,
  signal: AbortSignal,
): Promise<StoredObject[]> {
  const objects: StoredObject[] = [];
  for await (const object of store.list({ prefix: holdsPrefix(rootOf(place)), signal })) objects.push(object);
  return objects;
}

/** @returns undefined if it was released meanwhile. */
async function readHold(
  store: ObjectStore,
  root: string,
  key: string,
  signal: AbortSignal,
): Promise<Hold | UnreadableHold | undefined> {
  const name = holdNameOf(root, key);
  try {
    if (name === undefined) throw new WhisperBackupError('BAD_HOLD', 'its name is not that of a hold');
    const body = await store.get(key, { maxBytes: MAX_FILE_BYTES, signal });
    const { format: _, until, reason, ...hold } = v.parse(File, JSON.parse(new TextDecoder().decode(body)));
    return {
      name,
      ...hold,
      ...(until && { until }),
      ...(reason !== undefined && { reason }),
    };
  } catch (error) {
    signal.throwIfAborted();
    // Swift may list an object that the replica it asks does not have.
    if (codeOf(error) === 'NOT_FOUND' && !(await isListed(store, key, signal))) return undefined;
    const remedy =
      name === undefined
        ? "Delete this object with the store's own tools."
        : `Repair this object, or delete it with "hold release ${name}" if it is not needed.`;
    return { key, reason: reasonOf(error), remedy };
  }
}

/** Returns whether there is a hold of this name, readable or not. @throws StoreError */
export async function hasHold(
  store: ObjectStore,
  place: PlaceOptions,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  return isListed(store, holdKey(rootOf(place), name), signal);
}

async function isListed(store: ObjectStore, key: string, signal: AbortSignal): Promise<boolean> {
  for await (const found of store.list({ prefix: key, signal })) if (found.key === key) return true;
  return false;
}

/** Stores a hold, and replaces one of the same name. @throws StoreError */
export async function writeHold(
  store: ObjectStore,
  place: PlaceOptions,
  { name, created, date, metrics, until, reason }: Hold,
  signal: AbortSignal,
): Promise<void> {
  const times = { created: created.toISOString(), date: date.toISOString() };
  const file = { format: FORMAT, ...times, metrics, ...(until && { until: until.toISOString() }), reason };
  const body = new TextEncoder().encode(`${JSON.stringify(file, null, 2)}\n`);
  await store.put(holdKey(rootOf(place), name), body, { signal });
  await store.flush({ signal });
}
