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
 * Checks that the bucket of a disk store exists. It is missing if its disk is not mounted.
 *
 * @returns the problem; undefined if there is none, for other storages, and if this user has no access.
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
      return `the bucket ${path} is missing (no ${marker}): check that its disk is mounted`;
    return `the bucket ${path} cannot be read: ${reasonOf(error)}`;
  }
}
