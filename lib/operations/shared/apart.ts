import { InvalidOptionError } from '../../common/errors.ts';
import type { ObjectStore } from '../../store/store.ts';
import { overlapOf } from '../../system/overlap.ts';

/**
 * Makes sure that a bucket which is a directory and the Whisper tree share no directory: objects would be written among
 * Whisper files, or a purge and a restore would remove or replace what belongs to the other.
 *
 * @throws InvalidOptionError when they overlap.
 */
export async function checkApart(store: ObjectStore, prefix: string): Promise<void> {
  if (store.directory === undefined) return;
  const overlap = await overlapOf(store.directory, prefix);
  if (overlap === undefined) return;
  const where = { same: 'is the same directory as', inside: 'is inside', around: 'contains' }[overlap];
  throw new InvalidOptionError(
    `Cannot use ${store.name}: the bucket ${where} the Whisper tree ${prefix}: choose a directory elsewhere (path=, --bucket), ` +
      'or check --prefix',
  );
}
