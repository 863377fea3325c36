import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readArguments } from '../../../config/storage/arguments.ts';
import { diskPath } from '../../../config/storage/storage.ts';
import { ownKey, rootOf } from '../../../lib/bucket/layout.ts';
import { codeOf, reasonOf } from '../../../lib/common/errors.ts';
import { abortable } from '../../../lib/store/deadline.ts';
import type { BucketSettings } from './bucket-name.ts';
import { placeOf } from './operation-options.ts';

const TIMEOUT_MS = 10_000;

/**
 * Looks whether the bucket of a disk store is still there: a disk that is not mounted is not.
 *
 * @returns why it is not; undefined when it is, for another storage, and when this user may not look.
 */
export async function diskBucketProblem(settings: BucketSettings): Promise<string | undefined> {
  if (settings.storage !== 'disk') return undefined;
  const path = diskPath(settings.bucket, readArguments('disk', settings.storageArgs, ['path']).path);
  const marker = join(path, ownKey(rootOf(placeOf(settings)), 'owner.json'));
  try {
    await abortable(stat(marker), AbortSignal.timeout(TIMEOUT_MS));
    return undefined;
  } catch (error) {
    if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM') return undefined;
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR')
      return `the bucket ${path} is not there (no ${marker}): is its disk mounted?`;
    return `the bucket ${path} cannot be read: ${reasonOf(error)}`;
  }
}
