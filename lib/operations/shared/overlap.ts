import { InvalidOptionError } from '../../common/errors.ts';
import type { ObjectStore } from '../../store/store.ts';
import { overlapOf } from '../../system/overlap.ts';

/**
 * Checks that a bucket on disk and the Whisper tree do not overlap. Otherwise a backup would write objects among
 * Whisper files, and a purge or restore would remove or replace files of the other.
 *
 * @throws InvalidOptionError if they overlap.
 */
export async function checkNoOverlap(store: ObjectStore, prefix: string): Promise<void> {
  if (store.directory === undefined) return;
  const overlap = await overlapOf(store.directory, prefix);
  if (overlap === undefined) return;
  const where = { same: 'is the same directory as', inside: 'is inside', around: 'contains' }[overlap];
  throw new InvalidOptionError(
    `Cannot use ${store.name}: the bucket ${where} the Whisper tree ${prefix}: choose a directory elsewhere (path=, --bucket), ` +
      'or check --prefix',
  );
}
