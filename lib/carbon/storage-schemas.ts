import { reasonOf } from '../common/errors.ts';
import { type ArchiveSpec, validateArchiveList } from '../whisper/schema.ts';
import { parseRetentions } from './retentions.ts';
import { type OnSkipped, Rules } from './rules.ts';

/** The archives of a metric without a rule: a week by the minute. */
const OTHERWISE: readonly ArchiveSpec[] = [{ secondsPerPoint: 60, points: 10_080 }];

/**
 * Parses the text of `storage-schemas.conf` as carbon does.
 *
 * @throws InvalidOptionError if carbon would not start with the file, or a pattern or schema is not supported.
 * @see https://graphite.readthedocs.io/en/latest/config-carbon.html#storage-schemas-conf
 */
export function parseStorageSchemas(text: string, onSkipped: OnSkipped): Rules<readonly ArchiveSpec[]> {
  return new Rules<readonly ArchiveSpec[]>(
    text,
    ({ options }) => {
      const retentions = options.get('retentions');
      if (retentions === undefined) return 'it has no retentions, so carbon skips it';
      const archives = parseRetentions(retentions);
      // Python takes an empty pattern for none.
      if ((options.get('pattern') ?? '') === '') return 'it has no pattern, so carbon skips it';
      return archivesOf(archives);
    },
    OTHERWISE,
    onSkipped,
  );
}

/** @returns the archives, finest first; or the reason why carbon skips them. */
function archivesOf(archives: readonly ArchiveSpec[]): readonly ArchiveSpec[] | string {
  try {
    return validateArchiveList(archives);
  } catch (error) {
    return `carbon skips it: ${reasonOf(error)}`;
  }
}
