import { quarantineKey } from '../../bucket/layout.ts';
import { Remover } from '../../bucket/removal.ts';
import { codeOf, WhisperBackupError } from '../../common/errors.ts';
import type { ObjectStore } from '../../store/store.ts';
import { FILE_BYTES } from '../../tree/read-file.ts';
import type { Flaw } from './flaw.ts';
import { type ReadingContext, readBackup } from './reading.ts';

interface QuarantineContext extends ReadingContext {
  readonly root: string;
}

export interface MovedAside {
  /** New key of the damaged object, or of the other object of the pair; absent if none was moved. */
  readonly movedTo?: string;
  /** Keys that were listed although their objects do not exist; deleted, so that the store no longer lists them. */
  readonly removed: readonly string[];
}

/**
 * Moves the objects of a damaged backup, unchanged, to keys that no command reads. Before that, reads the backup again
 * with the engine that a restore would use. Deletes the originals only after the copies are durable; the next run
 * repeats an interrupted move. Deletes keys without an object.
 *
 * @throws StoreError
 * @throws WhisperBackupError `TOO_LARGE`, `NOT_DAMAGED_TWICE`, `DELETE_FAILED`. Objects that could not be moved are
 *   unchanged.
 */
export async function moveAside(metric: string, flaw: Flaw, context: QuarantineContext): Promise<MovedAside> {
  const { budget, root, signal, store } = context;
  if (flaw.backup && flaw.backup.object.size <= FILE_BYTES) {
    const again = await readBackup(flaw.backup, 'auto', context);
    if (again.outcome === 'failed') throw new WhisperBackupError(again.code, again.reason);
    if (again.outcome !== 'damaged')
      throw new WhisperBackupError(
        'NOT_DAMAGED_TWICE',
        'it was damaged when it was read first, but not when it was read again',
      );
  }
  const moved: string[] = [];
  const removed: string[] = [];
  for (const { key, size } of [...flaw.data, ...flaw.sha1s]) {
    if (size > FILE_BYTES) {
      throw new WhisperBackupError('TOO_LARGE', `${key} has ${size} bytes, the limit is ${FILE_BYTES}`);
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

/** @returns undefined if the object does not exist. */
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
