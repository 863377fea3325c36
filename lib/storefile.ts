import { stat } from 'node:fs/promises';
import type { Backup, StoredMetric } from './bucket/catalog.ts';
import { backupKey, isAmbiguous, KEY_BYTES, pairKeys } from './bucket/layout.ts';
import { formatTimestamp } from './bucket/timestamp.ts';
import type { ByteBudget } from './bytebudget.ts';
import { WhisperBackupError } from './errors.ts';
import type { FormatOptions } from './options.ts';
import type { ObjectStore } from './store/store.ts';
import type { LocalFile } from './tree/walk.ts';
import type { WorkerPool } from './workers/pool.ts';
import type { Snapshot, SnapshotTask } from './workers/snapshot.ts';

/** What storing a file needs besides the file. */
export interface StoreFileContext {
  readonly store: ObjectStore;
  readonly pool: WorkerPool;
  /** What keys begin with. */
  readonly root: string;
  readonly layout: NonNullable<FormatOptions['layout']>;
  readonly task: Omit<SnapshotTask, 'file' | 'now' | 'knownSha1' | 'knownMd5OfSha1'>;
  /** Bytes that may be in memory at once. */
  readonly budget: ByteBudget;
  readonly now: () => Date;
  readonly signal?: AbortSignal;
}

export type StoredFile =
  | { readonly outcome: 'stored'; readonly bytes: number; readonly backup: Backup }
  | Exclude<Snapshot, { outcome: 'changed' }>;

/**
 * Backs up one file, unless its newest backup is the same.
 *
 * @throws StoreError when the store does not take it, WhisperBackupError `KEY_TOO_LONG` or `AMBIGUOUS_NAME`.
 */
export async function storeFile(
  local: LocalFile,
  stored: StoredMetric | undefined,
  context: StoreFileContext,
): Promise<StoredFile> {
  checkName(local, context);
  const comparable = stored?.backups.filter((backup) => context.layout === 'native' || backup.kind === 'pair');
  const newest = comparable?.at(-1);
  const known = newest ? await knownOf(newest, context) : {};
  // The file, and at worst as much again for what it is compressed to.
  const size = await stat(local.file).then(
    ({ size }) => size,
    () => 0,
  );
  return context.budget.run(size * 2, async () => {
    context.signal?.throwIfAborted();
    const now = context.now().getTime();
    const shot = await context.pool.snapshot({ ...context.task, ...known, file: local.file, now });
    if (shot.outcome !== 'changed') return shot;
    if (newest?.sha1Object && known.knownMd5OfSha1 && (await readSha1(newest, context)) === shot.sha1)
      return { outcome: 'unchanged', sha1: shot.sha1, bytes: shot.bytes };
    const time = laterOf(
      new Date(Math.max(now, context.now().getTime() - shot.sinceRead)),
      stored?.backups.at(-1)?.time,
    );
    return { outcome: 'stored', bytes: shot.bytes, backup: await put(local.path, shot, time, context) };
  });
}

/** A name that cannot be stored is refused before anything is read. */
function checkName(local: LocalFile, { root, layout }: StoreFileContext): void {
  if (local.path === '' || local.path.endsWith('/'))
    throw new WhisperBackupError('EMPTY_NAME', `Cannot back up ${local.file}: it has no name before .wsp: rename it`);
  if (layout === 'python' && isAmbiguous(local.path)) {
    throw new WhisperBackupError(
      'AMBIGUOUS_NAME',
      `Cannot back up ${local.file} in the Python tool's layout: it would restore it to another path`,
    );
  }
  const longest = backupKey(root, local.path, formatTimestamp(new Date(0)), '0'.repeat(40), 'gz');
  const bytes = new TextEncoder().encode(longest).length;
  if (bytes <= KEY_BYTES) return;
  throw new WhisperBackupError(
    'KEY_TOO_LONG',
    `Cannot back up ${local.file}: its key would have ${bytes} bytes, and stores take ${KEY_BYTES}: shorten its name`,
  );
}

/** What is known of the newest backup's content, without a request where the listing tells. */
async function knownOf(
  newest: Backup,
  context: StoreFileContext,
): Promise<Pick<SnapshotTask, 'knownSha1' | 'knownMd5OfSha1'>> {
  if (newest.sha1 !== undefined) return { knownSha1: newest.sha1 };
  const md5 = newest.sha1Object?.md5;
  if (md5 !== undefined) return { knownMd5OfSha1: md5 };
  const sha1 = await readSha1(newest, context);
  return sha1 === undefined ? {} : { knownSha1: sha1 };
}

async function readSha1(backup: Backup, { store, signal }: StoreFileContext): Promise<string | undefined> {
  return sha1Of(backup, store, signal).catch((error) => {
    signal?.throwIfAborted();
    if (error instanceof WhisperBackupError) return undefined;
    throw error;
  });
}

/**
 * The SHA-1 of a backup's file: told by its name, or fetched where it is a pair's.
 *
 * @throws StoreError, or WhisperBackupError `BAD_SHA1` when what is there is none.
 */
export async function sha1Of(backup: Backup, store: ObjectStore, signal: AbortSignal | undefined): Promise<string> {
  if (backup.sha1 !== undefined) return backup.sha1;
  const key = backup.sha1Object?.key ?? '';
  const body = await store.get(key, { maxBytes: 256, ...(signal && { signal }) });
  const text = new TextDecoder().decode(body).trim();
  if (/^[0-9a-f]{40}$/.test(text)) return text;
  throw new WhisperBackupError(
    'BAD_SHA1',
    `Cannot use ${key}: it must hold 40 hex digits: got ${JSON.stringify(text)}`,
  );
}

/** The later of when the read ended and one second after the newest backup, so that the new one sorts last. */
function laterOf(readAt: Date, newest: Date | undefined): Date {
  const seconds = Math.floor(readAt.getTime() / 1000) * 1000;
  return new Date(Math.max(seconds, (newest?.getTime() ?? Number.NEGATIVE_INFINITY) + 1000));
}

async function put(
  path: string,
  shot: Extract<Snapshot, { outcome: 'changed' }>,
  time: Date,
  { store, root, layout, task, signal }: StoreFileContext,
): Promise<Backup> {
  const { body, sha1 } = shot;
  const options = { ...(signal && { signal }) };
  const object = (key: string, size: number) => ({ key, size, modified: time });
  const algorithm = task.format.algorithm ?? 'gz';
  if (layout === 'native') {
    const key = backupKey(root, path, formatTimestamp(time), sha1, algorithm);
    await store.put(key, body, options);
    return { kind: 'single', time, algorithm, sha1, object: object(key, body.length) };
  }
  // Data first: a checksum without data would be damage.
  const keys = pairKeys(root, path, formatTimestamp(time));
  await store.put(keys.data, body, options);
  await store.put(keys.sha1, new TextEncoder().encode(sha1), options);
  return { kind: 'pair', time, algorithm, object: object(keys.data, body.length), sha1Object: object(keys.sha1, 40) };
}
