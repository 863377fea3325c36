import type { AggregationRule } from '../whisper/aggregation.ts';
import type { NewSchema } from '../whisper/reshape.ts';
import type { ArchiveSpec } from '../whisper/schema.ts';
import { carbonNameOf } from './metric-name.ts';
import type { Rules } from './rules.ts';

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
 * @param archives the rules of `storage-schemas.conf`.
 * @param aggregations the rules of `storage-aggregation.conf`. @default each file keeps its method and xFilesFactor
 */
export function newSchemas(
  archives: Pick<Rules<readonly ArchiveSpec[]>, 'find'>,
  aggregations: Pick<Rules<AggregationRule>, 'find'> | undefined,
): SchemaOf {
  return (path) => {
    const name = carbonNameOf(path);
    return { archives: archives.find(name), ...(aggregations && { rule: aggregations.find(name) }) };
  };
}
