import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createStore, type Place as StorePlace } from '../../lib/store/spec.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import type { Radosgw } from '../servers/radosgw.ts';
import type { Swift } from '../servers/swift.ts';
import type { Where } from './quota.ts';

/** A kind of store: as the program is told of it, and as the test opens it for itself. */
export interface Place {
  readonly where: Where;
  /** Words behind the command. */
  readonly storage: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  open(bucket: string): Promise<ObjectStore>;
  /** What killed runs may leave in the bucket: their paths. Anything that is neither this nor an object is an error. */
  leftovers(bucket: string): Promise<readonly string[]>;
}

const NOTHING = async () => [];

export function diskPlace(directory: string): Place {
  return {
    where: 'disk',
    storage: ['disk', `path=${directory}`],
    env: {},
    open: (bucket) => opened({ kind: 'disk', options: { path: join(directory, bucket) } }),
    leftovers: (bucket) => leftInBucket(join(directory, bucket)),
  };
}

export function s3Place({ s3 }: Radosgw): Place {
  const { accessKeyId, secretAccessKey, endpoint } = s3;
  return {
    where: 's3',
    storage: ['s3', 'region=us-east-1', `endpoint=${endpoint}`],
    env: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    open: (bucket) => opened({ kind: 's3', options: { bucket, endpoint, accessKeyId, secretAccessKey } }),
    leftovers: NOTHING,
  };
}

export function swiftPlace({ v1 }: Swift): Place {
  const { authUrl, user, key } = v1;
  return {
    where: 'swift',
    storage: ['swift'],
    env: { ST_AUTH: authUrl, ST_USER: user, ST_KEY: key },
    open: (container) => opened({ kind: 'swift', options: { container, auth: { method: 'v1', authUrl, user, key } } }),
    leftovers: NOTHING,
  };
}

async function opened(place: StorePlace): Promise<ObjectStore> {
  const store = await createStore({ place, concurrency: 16 }, () => {});
  await store.open({ create: true });
  return store;
}

/** Temporary files. */
async function leftInBucket(bucket: string): Promise<readonly string[]> {
  const left: string[] = [];
  const visit = async (directory: string): Promise<void> => {
    const names = await readdir(directory);
    for (const name of names) {
      const path = `${directory}/${name}`;
      if ((await stat(path)).isDirectory()) await visit(path);
      else if (/\/\.whisper-backup\/tmp\/[0-9a-f]{32}$/.test(path)) left.push(path);
      else if (path.includes('/.whisper-backup/tmp/')) throw new Error(`Nobody knows what this is: ${path}`);
    }
  };
  await visit(bucket);
  return left;
}
