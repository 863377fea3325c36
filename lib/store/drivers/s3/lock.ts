import { DeniedError, NotFoundError, PermanentError } from '../../errors.ts';
import { type Exchanger, readSetting } from './exchange.ts';

const REMEDY =
  'Create a bucket with object lock (aws s3api create-bucket --object-lock-enabled-for-bucket), or enable it (put-object-lock-configuration), or remove lock-mode and lock-days';

/**
 * Checks that objects of a bucket can be locked, so that a run stops before it has tried every file. Credentials that
 * may not ask are believed: the first put will show.
 *
 * @throws PermanentError if they cannot.
 */
export async function checkLock(store: Exchanger, signal: AbortSignal | undefined): Promise<void> {
  const doing = `lock objects of ${store.name}`;
  try {
    if (/<ObjectLockEnabled>Enabled</.test(await readSetting(store, 'object-lock', doing, signal))) return;
  } catch (error) {
    if (error instanceof DeniedError || error instanceof PermanentError) return;
    // The answer for a bucket without object lock is a 404.
    if (!(error instanceof NotFoundError)) throw error;
  }
  throw new PermanentError(`Cannot ${doing}: the bucket has no object lock. ${REMEDY}`);
}

/** Returns the error to throw for a put with a lock that failed. */
export function explainLock(error: unknown, doing: string): unknown {
  if (error instanceof DeniedError) {
    return new DeniedError(`${error.message}. With lock-mode, s3:PutObjectRetention must be allowed`, { cause: error });
  }
  const isRefused =
    error instanceof PermanentError && error.cause instanceof Error && error.cause.name === 'InvalidRequest';
  if (!isRefused) return error;
  return new PermanentError(`Cannot ${doing}: the bucket takes no object with a lock. ${REMEDY}`, { cause: error });
}
