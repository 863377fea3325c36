import pMap from 'p-map';
import type { Layout } from '../../bucket/layout.ts';
import { backupKey, KEY_BYTES, pairKeys, replacedKey } from '../../bucket/layout.ts';
import { type Backup, sha1Of } from '../../bucket/metric.ts';
import { isAmbiguous } from '../../bucket/metric-name.ts';
import { isKnownSame, type KnownContent } from '../../bucket/same-content.ts';
import { codeOf, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { formatTimestamp, LAST_YEAR } from '../../common/timestamp.ts';
import type { ObjectStore } from '../../store/store.ts';
import type { TaskContext } from '../context.ts';
import { bodies, type Snapshot, type SnapshotTask, snapshot } from './snapshot.ts';

/** Files to back up. Small ones are sent to a thread in batches. */
interface StoreBatch {
  readonly files: readonly FileToStore[];
  readonly rules: StoreRules;
}

export interface FileToStore {
  readonly file: string;
  /** Below the prefix, without `.wsp`. */
  readonly path: string;
  /** The newest backup with which to compare the file. */
  readonly newest?: Backup;
  /** Time of the newest backup in any layout: the new one must be later. */
  readonly newestTime?: Date;
}

export interface StoreRules extends Omit<SnapshotTask, 'file' | 'now' | 'known'> {
  readonly root: string;
  readonly layout: Layout;
  /** A restore is about to replace the files: they are stored as such, with this time. @default they are backups */
  readonly replacedAt?: Date;
}

interface StoreContext extends Pick<TaskContext, 'now' | 'stopped' | 'throwIfStopped'> {
  readonly store: ObjectStore;
  readonly signal: AbortSignal;
}

type Unstored = Exclude<Snapshot, { outcome: 'changed' }>;

export type StoredFile =
  | (Pick<Extract<Snapshot, { outcome: 'changed' }>, 'sha1' | 'bytes' | 'stat' | 'remark'> & {
      readonly outcome: 'stored';
      readonly backup: Backup;
    })
  | Unstored;

/** How many files of a batch are uploaded at once: small ones take longer to travel than to compress. */
const CONCURRENCY = 16;

/** Backs up each file that differs from its newest backup. Returns results in the order of the files. */
export function storeFiles({ files, rules }: StoreBatch, context: TaskContext): Promise<StoredFile[]> {
  const { now, stopped, throwIfStopped } = context;
  return context.withStore((store, signal) =>
    pMap(files, (file) => storeFile(file, rules, { store, signal, now, stopped, throwIfStopped }), {
      concurrency: CONCURRENCY,
    }),
  );
}

/** Never throws. */
async function storeFile(file: FileToStore, rules: StoreRules, context: StoreContext): Promise<StoredFile> {
  try {
    checkName(file, rules);
    return await storeChanged(file, rules, context);
  } catch (error) {
    return { outcome: 'failed', code: codeOf(error), reason: reasonOf(error) };
  }
}

async function storeChanged(
  { file, path, newest, newestTime }: FileToStore,
  { root, layout, replacedAt, ...rules }: StoreRules,
  context: StoreContext,
): Promise<StoredFile> {
  const { store, signal } = context;
  const known = newest && (await knownContent(newest, context));
  context.throwIfStopped();
  const now = context.now().getTime();
  const changed = await snapshot({ ...rules, ...(known && { known }), file, now }, context.stopped);
  if (changed.outcome !== 'changed') return changed;
  const { body, sinceRead, remark, ...read } = changed;
  if (newest && known && known.sha1 === undefined && (await isSame(newest, changed.sha1, context)))
    return { ...read, outcome: 'unchanged' };
  const time = replacedAt ?? timeOfBackup(new Date(Math.max(now, context.now().getTime() - sinceRead)), newestTime);
  if (time.getUTCFullYear() > LAST_YEAR)
    throw new WhisperBackupError(
      'DATE_TOO_LATE',
      `Cannot back up ${file}: its newest backup is dated ${newestTime?.toISOString() ?? 'too late'}, so no later key is ` +
        'possible: rename it to the date when it was written, or delete it, and check the clock',
    );
  const algorithm = rules.format.algorithm ?? 'gz';
  const object = (key: string, size: number) => ({ key, size, modified: time });
  if (layout === 'native') {
    const usual = backupKey(root, path, formatTimestamp(time), changed.sha1, algorithm);
    const key = replacedAt ? replacedKey(usual) : usual;
    await store.put(key, body, { signal });
    bodies.giveBack(body);
    const kind = replacedAt ? 'replaced' : 'single';
    const backup: Backup = { kind, time, algorithm, sha1: changed.sha1, object: object(key, body.length) };
    return { ...read, outcome: 'stored', backup, ...(remark && { remark }) };
  }
  // Data first, because a checksum without data counts as damage.
  const keys = pairKeys(root, path, formatTimestamp(time));
  await store.put(keys.data, body, { signal });
  await store.put(keys.sha1, new TextEncoder().encode(changed.sha1), { signal });
  const [data, sha1Object] = [object(keys.data, body.length), object(keys.sha1, 40)];
  const backup: Backup = { kind: 'pair', time, algorithm, object: data, sha1Object };
  return { ...read, outcome: 'stored', backup, ...(remark && { remark }) };
}

/**
 * The time of the newest pair of a store whose checksum was read and has the listed MD5. With another encryption a listing
 * has another kind of hash, but only for objects stored later.
 */
const md5Until = new WeakMap<ObjectStore, number>();

/**
 * Returns whether a file is the same as the newest pair, although the listed MD5 of the pair's checksum differs. A
 * difference proves a change only if it is an MD5.
 */
async function isSame(newest: Backup, sha1: string, context: StoreContext): Promise<boolean> {
  const time = newest.time.getTime();
  const until = md5Until.get(context.store);
  if (until !== undefined && time <= until) return false;
  const stored = await readSha1(newest, context);
  if (stored !== undefined && isKnownSame(stored, newest)) md5Until.set(context.store, time);
  return stored === sha1;
}

/** Rejects names that cannot be stored, before the file is read. */
function checkName({ path, file }: FileToStore, { root, layout, format, replacedAt }: StoreRules): void {
  if (path === '' || path.endsWith('/'))
    throw new WhisperBackupError('EMPTY_NAME', `Cannot back up ${file}: it has no name before .wsp: rename it`);
  if (layout === 'python' && isAmbiguous(path)) {
    throw new WhisperBackupError(
      'AMBIGUOUS_NAME',
      `Cannot back up ${file} in the Python tool's layout: the Python tool would restore it to another path`,
    );
  }
  const usual = backupKey(root, path, formatTimestamp(new Date(0)), '0'.repeat(40), format.algorithm ?? 'gz');
  const longest = replacedAt ? replacedKey(usual) : usual;
  const bytes = new TextEncoder().encode(longest).length;
  if (bytes <= KEY_BYTES) return;
  throw new WhisperBackupError(
    'KEY_TOO_LONG',
    `Cannot back up ${file}: its key would have ${bytes} bytes, the limit of stores is ${KEY_BYTES}: shorten its name`,
  );
}

/** Returns checksums of the newest backup. Sends a request only if the listing has none. */
async function knownContent(newest: Backup, context: StoreContext): Promise<KnownContent | undefined> {
  if (newest.sha1 !== undefined || newest.sha1Object?.md5 !== undefined) return newest;
  const sha1 = await readSha1(newest, context);
  return sha1 === undefined ? undefined : { sha1 };
}

async function readSha1(backup: Backup, { store, signal }: StoreContext): Promise<string | undefined> {
  return sha1Of(backup, store, signal).catch((error) => {
    signal.throwIfAborted();
    if (error instanceof WhisperBackupError) return undefined;
    throw error;
  });
}

/** Returns the end of the read, but at least one second after the newest backup, so that the new key sorts last. */
function timeOfBackup(readAt: Date, newest: Date | undefined): Date {
  const seconds = Math.floor(readAt.getTime() / 1000) * 1000;
  return new Date(Math.max(seconds, (newest?.getTime() ?? Number.NEGATIVE_INFINITY) + 1000));
}
