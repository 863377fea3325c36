import { createHash } from 'node:crypto';
import { codeOf, type ErrorCode, reasonOf } from '../../common/errors.ts';
import { type LockOptions, readLocked } from '../../tree/read-file.ts';
import type { TaskContext } from '../context.ts';

interface FingerprintTask extends Pick<LockOptions, 'flock' | 'fileLockTimeout'> {
  readonly file: string;
}

type Fingerprint =
  | { readonly outcome: 'read'; readonly sha1: string }
  | { readonly outcome: 'skipped' | 'failed'; readonly code: ErrorCode; readonly reason: string };

/** Hashes a local file, which is locked while it is read. Never throws. */
export async function fingerprint(
  task: FingerprintTask,
  { stopped }: Pick<TaskContext, 'stopped'>,
): Promise<Fingerprint> {
  try {
    const bytes = await readLocked(task.file, { ...task, stopped });
    return { outcome: 'read', sha1: createHash('sha1').update(bytes).digest('hex') };
  } catch (error) {
    const code = codeOf(error);
    return { outcome: code === 'VANISHED' ? 'skipped' : 'failed', code, reason: reasonOf(error) };
  }
}
