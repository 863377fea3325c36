import { randomUUID } from 'node:crypto';
import { ownKey, rootOf } from '../../../lib/bucket/layout.ts';
import { reasonOf } from '../../../lib/common/errors.ts';
import { BucketMissingError, DeniedError } from '../../../lib/store/errors.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { placeOf } from '../run/operation-options.ts';
import { withStore } from '../run/store.ts';
import { bad, type Check, ok, type Verdict, warn } from './check.ts';

/** Whether the store lets us do all that a backup does: list, put, get and delete, tried on an object of our own. */
export const credentials: Check = {
  name: 'credentials',
  deadline: 30,
  run({ config, log }, signal): Promise<Verdict> {
    return withStore({ config, log }, async (store) => {
      try {
        await store.open({ create: false, signal });
        // Its first page is what the question is about.
        for await (const _ of store.list({ signal })) break;
      } catch (error) {
        if (error instanceof BucketMissingError) {
          return bad(
            `${store.name} does not exist`,
            'The first backup creates it where it may. On a host that has backed up before: mount what holds it, or check bucket:',
          );
        }
        if (error instanceof DeniedError) return bad(reasonOf(error), REFUSED[config.storage ?? '']);
        throw error;
      }
      if (config.storage === 'noop') return warn("The storage 'noop' keeps nothing", 'Set storage: disk, s3 or swift');
      if (config.noop) return ok(`${store.name} can be listed; nothing else was tried in a dry run`);
      return tryProbe(store, ownKey(rootOf(placeOf(config)), 'probe'), signal);
    });
  },
};

const REFUSED: Readonly<Record<string, string>> = {
  s3: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the file that credentials: names, or allow the user s3:ListBucket, GetObject, PutObject and DeleteObject on the bucket',
  swift:
    'Set ST_AUTH, ST_USER and ST_KEY (or OS_*) in the file that credentials: names, or give the user read and write access to the container',
  disk: 'Give the user of the service the directory',
};

/** Puts, gets and deletes a small object that no catalog takes for a backup. */
async function tryProbe(store: ObjectStore, key: string, signal: AbortSignal): Promise<Verdict> {
  const body = new TextEncoder().encode(`${randomUUID()}\n`);
  try {
    await store.put(key, body, { signal });
  } catch (error) {
    return refused('put', error, 'list only');
  }
  const unread = await tryGet(store, key, body, signal);
  // It is to go, however it was read.
  const left = await tryDelete(store, key, signal);
  return unread ?? left ?? ok(`${store.name} lets us list, put, get and delete`);
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
  return bad(`${key} on ${store.name} holds something else than was put`, 'Is another doctor at work? Try again');
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
  const rights = 'Allow it: a backup needs to list, put, get and delete';
  return bad(`Cannot ${what}, but ${may}: ${reasonOf(error)}`, error instanceof DeniedError ? rights : undefined);
}
