import { randomBytes, randomUUID } from 'node:crypto';
import { ownKey, rootOf } from '../../../lib/bucket/layout.ts';
import { reasonOf } from '../../../lib/common/errors.ts';
import { BucketMissingError, DeniedError, StoreError } from '../../../lib/store/errors.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { placeOf } from '../run/operation-options.ts';
import { briefly, withStore } from '../run/store.ts';
import { bad, type Check, ok, type Verdict, warn } from './check.ts';

/** Checks that the store allows what a backup needs: list, put, get and delete, tried with an object of our own. */
export const credentials: Check = {
  name: 'credentials',
  deadline: 30,
  run({ config, log, outage }, signal): Promise<Verdict> {
    return withStore({ config: briefly(config), log, outage }, async (store) => {
      try {
        await store.open({ create: false, signal });
        // The first page shows whether listing is allowed.
        for await (const _ of store.list({ signal })) break;
      } catch (error) {
        if (error instanceof BucketMissingError) {
          return bad(
            `${store.name} does not exist`,
            'The first backup creates it if allowed. On a host that has backed up before: mount its file system, or check bucket:',
          );
        }
        if (error instanceof DeniedError) return bad(reasonOf(error), REFUSED[config.storage ?? '']);
        throw error;
      }
      if (config.storage === 'noop') return warn("The storage 'noop' stores nothing", 'Set storage: disk, s3 or swift');
      if (config.noop) return ok(`${store.name} can be listed; a dry run tries nothing else`);
      const root = rootOf(placeOf(config));
      // What cannot be deleted is put again under the same key.
      const id = store.mayDelete === false ? '0'.repeat(40) : undefined;
      return tryProbe(store, probeKey(root, id), signal);
    });
  },
};

const REFUSED: Readonly<Record<string, string>> = {
  s3: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the file set by credentials:, or allow the user s3:ListBucket, GetObject, PutObject and DeleteObject on the bucket',
  swift:
    'Set ST_AUTH, ST_USER and ST_KEY (or OS_*) in the file set by credentials:, or give the user read and write access to the container',
  disk: 'Make the user of the service the owner of the directory',
};

/** Returns a key with everything that a backup's key may have: both cases, an escape, `+`, `:`. The catalog ignores it. */
export function probeKey(root: string, id = randomBytes(20).toString('hex')): string {
  return ownKey(root, `probe-A%2Eb c+d/2026-11-22T03:14:15+00:00.${id}.wsp.gz`);
}

/** Puts, lists, gets and deletes a small object. */
export async function tryProbe(store: ObjectStore, key: string, signal: AbortSignal): Promise<Verdict> {
  const body = new TextEncoder().encode(`${randomUUID()}\n`);
  try {
    await store.put(key, body, { signal });
  } catch (error) {
    return refused('put', error, 'list only');
  }
  const unread =
    (await tryList(store, key, signal)) ??
    (await tryGet(store, key, body, signal)) ??
    (await tryOtherCase(store, key, signal));
  // Delete the object even if it could not be read.
  if (store.mayDelete === false) return unread ?? ok(`${store.name} allows list, put and get; 'deletes' is never`);
  const left = await tryDelete(store, key, signal);
  return unread ?? left ?? ok(`${store.name} allows list, put, get and delete`);
}

async function tryList(store: ObjectStore, key: string, signal: AbortSignal): Promise<Verdict | undefined> {
  const prefix = key.slice(0, key.lastIndexOf('probe-'));
  let other: string | undefined;
  try {
    for await (const object of store.list({ prefix, signal })) {
      if (object.key === key) return undefined;
      if (object.key.slice(prefix.length).toLowerCase().startsWith('probe-a')) other = object.key;
    }
  } catch (error) {
    return refused('list', error, 'put');
  }
  const listed = other === undefined ? 'does not list it' : `lists ${JSON.stringify(other)}`;
  return bad(
    `${store.name} stored ${JSON.stringify(key)}, but ${listed}: it changes the names of objects, so that no backup is found again`,
    'Use a store or gateway that keeps names as they are (case, "+", ":")',
  );
}

async function tryGet(
  store: ObjectStore,
  key: string,
  body: Uint8Array,
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  try {
    const got = await store.get(key, { maxBytes: 1024, signal });
    if (Buffer.compare(got, body) === 0) return undefined;
  } catch (error) {
    return refused('get', error, 'list and put');
  }
  return bad(`${key} on ${store.name} has other content than was put`, 'Another doctor may be running. Try again');
}

/** Reads a key that differs from the stored one in case only: it must not exist. */
async function tryOtherCase(store: ObjectStore, key: string, signal: AbortSignal): Promise<Verdict | undefined> {
  try {
    await store.get(key.replace('probe-A', 'probe-a'), { maxBytes: 1024, signal });
  } catch (error) {
    // Whatever else refuses this key, reading the stored one has worked.
    if (error instanceof StoreError) return undefined;
    throw error;
  }
  return bad(
    `${store.name} does not distinguish upper and lower case: metrics whose names differ only in case share their backups`,
    'Use a store, gateway or file system that distinguishes upper and lower case',
  );
}

async function tryDelete(store: ObjectStore, key: string, signal: AbortSignal): Promise<Verdict | undefined> {
  try {
    const [failure] = await store.delete([key], { signal });
    if (failure) throw failure.error;
    return undefined;
  } catch (error) {
    return refused('delete', error, 'list, put and get');
  }
}

function refused(what: string, error: unknown, may: string): Verdict {
  const rights = 'Allow list, put, get and delete: a backup needs all of them';
  return bad(`Cannot ${what}, but ${may}: ${reasonOf(error)}`, error instanceof DeniedError ? rights : undefined);
}
