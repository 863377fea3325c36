import * as v from 'valibot';
import { codeOf, GuardError } from '../errors.ts';
import type { Machine, PlaceOptions } from '../options.ts';
import type { ObjectStore } from '../store/store.ts';
import { ownKey, rootOf } from './layout.ts';

/** What `owner.json` holds. */
const Owner = v.object({ machineId: v.string(), host: v.string(), since: v.string() });

export interface ClaimOptions extends PlaceOptions {
  readonly machine: Machine;
  /** Take over a bucket that another machine wrote. */
  readonly adopt: boolean;
  readonly now: Date;
  readonly signal?: AbortSignal;
}

/**
 * Makes sure that the bucket is this machine's, and marks a bucket that is nobody's, so that two hosts which share one
 * by mistake cannot purge one another.
 *
 * @throws GuardError `FOREIGN_BUCKET` when another machine wrote it.
 */
export async function claim(store: ObjectStore, options: ClaimOptions): Promise<void> {
  const { machine, signal } = options;
  const key = ownKey(rootOf(options), 'owner.json');
  const owner = await readOwner(store, key, signal);
  if (owner?.machineId === machine.id) return;
  if (owner && !options.adopt) {
    throw new GuardError(
      'FOREIGN_BUCKET',
      `Cannot use ${store.name}: it holds the backups of host ${JSON.stringify(owner.host)} (machine ${owner.machineId}), ` +
        `not of this one (${machine.id}): choose another --bucket, or take it over with --adopt`,
    );
  }
  const marker = { machineId: machine.id, host: machine.host, since: options.now.toISOString() };
  await store.put(key, new TextEncoder().encode(`${JSON.stringify(marker)}\n`), { ...(signal && { signal }) });
}

/**
 * Whether the bucket is marked as that machine's.
 *
 * @throws StoreError
 */
export async function claimedBy(
  store: ObjectStore,
  place: PlaceOptions,
  machineId: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const owner = await readOwner(store, ownKey(rootOf(place), 'owner.json'), signal);
  return owner?.machineId === machineId;
}

async function readOwner(
  store: ObjectStore,
  key: string,
  signal: AbortSignal | undefined,
): Promise<v.InferOutput<typeof Owner> | undefined> {
  let body: Uint8Array;
  try {
    body = await store.get(key, { maxBytes: 65_536, ...(signal && { signal }) });
  } catch (error) {
    if (codeOf(error) === 'NOT_FOUND') return undefined;
    throw error;
  }
  try {
    return v.parse(Owner, JSON.parse(new TextDecoder().decode(body)));
  } catch {
    return { machineId: 'unreadable', host: 'unknown', since: '' };
  }
}
