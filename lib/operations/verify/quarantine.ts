import { quarantineKey } from '../../bucket/layout.ts';
import { Remover } from '../../bucket/removal.ts';
import { codeOf, WhisperBackupError } from '../../common/errors.ts';
import type { ObjectStore } from '../../store/store.ts';
import { FILE_BYTES } from '../../tree/read-file.ts';
import type { Flaw } from './flaw.ts';
import { type ReadingContext, readBackup } from './reading.ts';

export interface QuarantineContext extends ReadingContext {
  /** What keys begin with. */
  readonly root: string;
}

/** What became of the objects of a flaw. */
export interface MovedAside {
  /** Where the object that shows the flaw is now, or another one of the same pair; absent when there was none to move. */
  readonly movedTo?: string;
  /** Keys that were listed though their objects are gone: deleted, so that the store drops them from the listing. */
  readonly removed: readonly string[];
}

/**
 * Moves a damaged backup to where nothing takes it for one, byte by byte as it is. It is read once more before, by the
 * engine that a restore would take. The copy is safe before the original goes; what is cut short in between is done
 * again by the next run. A key whose object is gone is deleted without a copy.
 *
 * @throws StoreError, or WhisperBackupError `TOO_LARGE`, `NOT_DAMAGED_TWICE` or `DELETE_FAILED`;
 *   what could not be moved is where it was.
 */
export async function moveAside(metric: string, flaw: Flaw, context: QuarantineContext): Promise<MovedAside> {
  const { budget, root, signal, store } = context;
  if (flaw.backup && flaw.backup.object.size <= FILE_BYTES) {
    const again = await readBackup(flaw.backup, 'auto', context);
    if (again.outcome === 'failed') throw new WhisperBackupError(again.code, again.reason);
    if (again.outcome !== 'damaged')
      throw new WhisperBackupError(
        'NOT_DAMAGED_TWICE',
        'it was damaged when it was read, and not when it was read again',
      );
  }
  const moved: string[] = [];
  const removed: string[] = [];
  for (const { key, size } of [...flaw.data, ...flaw.sha1s]) {
    if (size > FILE_BYTES) {
      throw new WhisperBackupError(
        'TOO_LARGE',
        `${key} has ${size} bytes, and ${FILE_BYTES} is the most that is moved`,
      );
    }
    await budget.run(size * 2, async () => {
      const body = await getIfThere(store, key, size, signal);
      if (body) await store.put(quarantineKey(root, key), body, { signal });
      (body ? moved : removed).push(key);
    });
  }
  await store.flush({ signal });
  const failures: string[] = [];
  const remover = new Remover(store, { signal, onFailure: (_, reason) => failures.push(reason) });
  const keysOf = (objects: Flaw['data']) => objects.map(({ key }) => key);
  await remover.add({ metric, sha1s: keysOf(flaw.sha1s), data: keysOf(flaw.data), tombstones: [] });
  await remover.flush();
  if (failures.length > 0) throw new WhisperBackupError('DELETE_FAILED', failures.join('; '));
  const shown = moved.includes(flaw.key) ? flaw.key : moved[0];
  return { removed, ...(shown !== undefined && { movedTo: quarantineKey(root, shown) }) };
}

/** @returns undefined when the object is gone. */
async function getIfThere(
  store: ObjectStore,
  key: string,
  expectedBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  try {
    return await store.get(key, { maxBytes: FILE_BYTES, expectedBytes, signal });
  } catch (error) {
    if (codeOf(error) === 'NOT_FOUND') return undefined;
    throw error;
  }
}
