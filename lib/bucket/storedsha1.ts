import { WhisperBackupError } from '../common/errors.ts';
import type { ObjectStore } from '../store/store.ts';
import type { Backup } from './metric.ts';

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
