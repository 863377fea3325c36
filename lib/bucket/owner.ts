import * as v from 'valibot';
import { codeOf, GuardError } from '../common/errors.ts';
import type { Machine, PlaceOptions } from '../common/options.ts';
import type { ObjectStore } from '../store/store.ts';
import { isSameDirectory } from '../system/same-directory.ts';
import { ownKey, rootOf } from './layout.ts';

/** The content of `owner.json`. Older releases wrote no prefix. */
const Owner = v.object({
  machineId: v.string(),
  host: v.optional(v.string()),
  prefix: v.optional(v.string()),
  since: v.string(),
});

type Owner = v.InferOutput<typeof Owner>;

interface Claimant {
  readonly machine: Machine;
  /** Root of the Whisper tree. @default not compared */
  readonly prefix?: string;
}

export interface ClaimOptions extends PlaceOptions, Claimant {
  /** Accept the bucket of another machine, host name or prefix. */
  readonly adopt: boolean;
  /** Add missing fields to the marker of an older release. @default false */
  readonly complete?: boolean;
  /** Mark a bucket without an owner. @default true */
  readonly mark?: boolean;
  /** Called before a bucket without an owner is marked. May throw to prevent that. */
  readonly onUnmarked?: () => void;
  readonly now: Date;
  readonly signal?: AbortSignal;
}

/**
 * Checks that the bucket belongs to this machine and tree, and marks a bucket without an owner, so that two hosts or
 * trees that share a bucket by mistake cannot purge each other's backups.
 *
 * Two prefixes are the same tree if they are equal, so that a link may be changed to a new disk, or if they lead to the
 * same directory, so that another link may be used.
 *
 * @throws GuardError `FOREIGN_BUCKET`, `OTHER_HOST` or `OTHER_PREFIX`
 * @throws StoreError
 * @throws Error of `onUnmarked`.
 */
export async function claim(store: ObjectStore, options: ClaimOptions): Promise<void> {
  const { machine, prefix, adopt, complete = false, mark = true, signal } = options;
  const key = ownKey(rootOf(options), 'owner.json');
  const owner = await readOwner(store, key, signal);
  const mismatch = owner && (await mismatchOf(store, owner, options));
  if (mismatch && !adopt) throw mismatch;
  if (!owner && !mark) return;
  if (!owner) options.onUnmarked?.();
  const isWhole = owner?.host !== undefined && (owner.prefix !== undefined || prefix === undefined);
  if (owner && !mismatch && (isWhole || !complete)) return;
  const since = owner && !mismatch ? owner.since : options.now.toISOString();
  const marker: Owner = { machineId: machine.id, host: machine.host, ...(prefix !== undefined && { prefix }), since };
  await store.put(key, new TextEncoder().encode(`${JSON.stringify(marker)}\n`), { ...(signal && { signal }) });
}

/**
 * Returns whether the owner marker of the bucket names this machine and tree.
 *
 * @throws StoreError
 */
export async function isClaimedBy(
  store: ObjectStore,
  place: PlaceOptions,
  claimant: Claimant,
  signal?: AbortSignal,
): Promise<boolean> {
  const owner = await readOwner(store, ownKey(rootOf(place), 'owner.json'), signal);
  return owner !== undefined && (await mismatchOf(store, owner, claimant)) === undefined;
}

async function mismatchOf(
  store: ObjectStore,
  owner: Owner,
  { machine, prefix }: Claimant,
): Promise<GuardError | undefined> {
  const { machineId, host } = owner;
  const refuse = (code: string, why: string) => new GuardError(code, `Cannot use ${store.name}: ${why}`);
  if (machineId !== machine.id)
    return refuse(
      'FOREIGN_BUCKET',
      `it holds the backups of host ${JSON.stringify(host ?? 'unknown')} (machine ${machineId}), ` +
        `not of this one (${machine.id}). Choose another --bucket, or take it over with --adopt.`,
    );
  if (host !== undefined && host !== machine.host)
    return refuse(
      'OTHER_HOST',
      `it holds the backups of host ${JSON.stringify(host)}; this host has the same machine id, but the name ` +
        `${JSON.stringify(machine.host)}. If it was renamed, accept the new name with --adopt. If it is a clone, give it ` +
        'a new machine id (systemd-machine-id-setup) and another --bucket.',
    );
  if (prefix === undefined || owner.prefix === undefined || (await isSameDirectory(owner.prefix, prefix)))
    return undefined;
  return refuse(
    'OTHER_PREFIX',
    `it holds the backups of the tree ${owner.prefix}, not of ${prefix}. Check --prefix, choose another --bucket or ` +
      '--storage-path for a second tree, or accept the new prefix with --adopt.',
  );
}

async function readOwner(store: ObjectStore, key: string, signal: AbortSignal | undefined): Promise<Owner | undefined> {
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
    return { machineId: 'unreadable', since: '' };
  }
}
