import type { AggregationRule } from '../whisper/aggregation.ts';
import type { NewSchema } from '../whisper/reshape.ts';
import type { ArchiveSpec } from '../whisper/schema.ts';
import { carbonNameOf } from './metric-name.ts';
import { Rules } from './rules.ts';

/**
 * Returns the schema that the file of a metric is to have.
 *
 * @param path below the prefix, without `.wsp`.
 * @throws InvalidOptionError if it is not certain which rule carbon would take.
 */
export type SchemaOf = (path: string) => NewSchema;

/**
 * Returns what carbon would give to new files.
 *
 * @param archives the rules of `storage-schemas.conf`, or the archives of all files.
 * @param aggregations the rules of `storage-aggregation.conf`. @default each file keeps its method and xFilesFactor
 */
export function newSchemas(
  archives: Rules<readonly ArchiveSpec[]> | readonly ArchiveSpec[],
  aggregations?: Rules<AggregationRule>,
): SchemaOf {
  return (path) => ({
    archives: archives instanceof Rules ? archives.find(carbonNameOf(path)) : archives,
    ...(aggregations && { rule: aggregations.find(carbonNameOf(path)) }),
  });
}
