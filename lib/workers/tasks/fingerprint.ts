import { createHash } from 'node:crypto';
import { codeOf, type ErrorCode, reasonOf } from '../../common/errors.ts';
import { type LockOptions, readLocked } from '../../tree/read-file.ts';
import type { TaskContext } from '../context.ts';

/** One local file to tell by its content. It crosses to a worker thread, so it is plain data. */
interface FingerprintTask extends Pick<LockOptions, 'flock' | 'fileLockTimeout'> {
  readonly file: string;
}

type Fingerprint =
  | { readonly outcome: 'read'; readonly sha1: string }
  | { readonly outcome: 'skipped' | 'failed'; readonly code: ErrorCode; readonly reason: string };

/** Reads one file under its lock, and hashes it. Never throws. */
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
