import pMap from 'p-map';
import type { Layout } from '../../bucket/layout.ts';
import { backupKey, isAmbiguous, KEY_BYTES, pairKeys } from '../../bucket/layout.ts';
import { type Backup, sha1Of } from '../../bucket/metric.ts';
import { codeOf, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { formatTimestamp, LAST_YEAR } from '../../common/timestamp.ts';
import type { ObjectStore } from '../../store/store.ts';
import type { TaskContext } from '../context.ts';
import { type Snapshot, type SnapshotTask, snapshot } from './snapshot.ts';

/** Files to back up. Many small ones cross to a thread at once. */
interface StoreBatch {
  readonly files: readonly FileToStore[];
  readonly rules: StoreRules;
}

/** One file to back up. */
export interface FileToStore {
  /** Where it is. */
  readonly file: string;
  /** Below the prefix, without `.wsp`. */
  readonly path: string;
  /** The newest backup that the file may be the same as. */
  readonly newest?: Backup;
  /** The time of the newest backup of any kind: the new one must be later. */
  readonly newestTime?: Date;
}

/** What applies to all files of a run. */
export interface StoreRules extends Omit<SnapshotTask, 'file' | 'now' | 'knownSha1' | 'knownMd5OfSha1'> {
  /** What keys begin with. */
  readonly root: string;
  readonly layout: Layout;
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

/** Files of a batch in progress at once: while one body is sent, the next is compressed. */
const AT_ONCE = 4;

/** Backs up each file, unless its newest backup is the same. Results come in the order of the files. */
export function storeFiles({ files, rules }: StoreBatch, context: TaskContext): Promise<StoredFile[]> {
  const { now, stopped, throwIfStopped } = context;
  return context.withStore((store, signal) =>
    pMap(files, (file) => storeFile(file, rules, { store, signal, now, stopped, throwIfStopped }), {
      concurrency: AT_ONCE,
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
  { root, layout, ...rules }: StoreRules,
  context: StoreContext,
): Promise<StoredFile> {
  const { store, signal } = context;
  const known = newest ? await knownOf(newest, context) : {};
  context.throwIfStopped();
  const now = context.now().getTime();
  const shot = await snapshot({ ...rules, ...known, file, now }, context.stopped);
  if (shot.outcome !== 'changed') return shot;
  const { body, sinceRead, remark, ...read } = shot;
  if (newest && known.knownMd5OfSha1 && (await readSha1(newest, context)) === shot.sha1)
    return { ...read, outcome: 'unchanged' };
  const time = laterOf(new Date(Math.max(now, context.now().getTime() - sinceRead)), newestTime);
  if (time.getUTCFullYear() > LAST_YEAR)
    throw new WhisperBackupError(
      'DATE_TOO_LATE',
      `Cannot back up ${file}: its newest backup is dated ${newestTime?.toISOString() ?? 'too late'}, so that no key can ` +
        'come after it: rename that to the date when it was written, or delete it, and check the clock',
    );
  const algorithm = rules.format.algorithm ?? 'gz';
  const object = (key: string, size: number) => ({ key, size, modified: time });
  if (layout === 'native') {
    const key = backupKey(root, path, formatTimestamp(time), shot.sha1, algorithm);
    await store.put(key, body, { signal });
    const backup: Backup = { kind: 'single', time, algorithm, sha1: shot.sha1, object: object(key, body.length) };
    return { ...read, outcome: 'stored', backup, ...(remark && { remark }) };
  }
  // Data first: a checksum without data would be damage.
  const keys = pairKeys(root, path, formatTimestamp(time));
  await store.put(keys.data, body, { signal });
  await store.put(keys.sha1, new TextEncoder().encode(shot.sha1), { signal });
  const [data, sha1Object] = [object(keys.data, body.length), object(keys.sha1, 40)];
  const backup: Backup = { kind: 'pair', time, algorithm, object: data, sha1Object };
  return { ...read, outcome: 'stored', backup, ...(remark && { remark }) };
}

/** A name that cannot be stored is refused before anything is read. */
function checkName({ path, file }: FileToStore, { root, layout, format }: StoreRules): void {
  if (path === '' || path.endsWith('/'))
    throw new WhisperBackupError('EMPTY_NAME', `Cannot back up ${file}: it has no name before .wsp: rename it`);
  if (layout === 'python' && isAmbiguous(path)) {
    throw new WhisperBackupError(
      'AMBIGUOUS_NAME',
      `Cannot back up ${file} in the Python tool's layout: it would restore it to another path`,
    );
  }
  const longest = backupKey(root, path, formatTimestamp(new Date(0)), '0'.repeat(40), format.algorithm ?? 'gz');
  const bytes = new TextEncoder().encode(longest).length;
  if (bytes <= KEY_BYTES) return;
  throw new WhisperBackupError(
    'KEY_TOO_LONG',
    `Cannot back up ${file}: its key would have ${bytes} bytes, and stores take ${KEY_BYTES}: shorten its name`,
  );
}

/** What is known of the newest backup's content, without a request where the listing tells. */
async function knownOf(
  newest: Backup,
  context: StoreContext,
): Promise<Pick<SnapshotTask, 'knownSha1' | 'knownMd5OfSha1'>> {
  if (newest.sha1 !== undefined) return { knownSha1: newest.sha1 };
  const md5 = newest.sha1Object?.md5;
  if (md5 !== undefined) return { knownMd5OfSha1: md5 };
  const sha1 = await readSha1(newest, context);
  return sha1 === undefined ? {} : { knownSha1: sha1 };
}

async function readSha1(backup: Backup, { store, signal }: StoreContext): Promise<string | undefined> {
  return sha1Of(backup, store, signal).catch((error) => {
    signal.throwIfAborted();
    if (error instanceof WhisperBackupError) return undefined;
    throw error;
  });
}

/** The later of when the read ended and one second after the newest backup, so that the new one sorts last. */
function laterOf(readAt: Date, newest: Date | undefined): Date {
  const seconds = Math.floor(readAt.getTime() / 1000) * 1000;
  return new Date(Math.max(seconds, (newest?.getTime() ?? Number.NEGATIVE_INFINITY) + 1000));
}
