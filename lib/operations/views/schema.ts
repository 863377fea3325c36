import type { SchemaOf } from '../../carbon/new-schemas.ts';
import { withDefaults } from '../../common/defaults.ts';
import { codeOf, reasonOf } from '../../common/errors.ts';
import { excludedDirectories, mayReach, selector } from '../../common/glob.ts';
import type { SelectOptions } from '../../common/options.ts';
import type { Named } from '../../common/summary.ts';
import { checkPrefix } from '../../tree/presence.ts';
import { readHeader } from '../../tree/read-header.ts';
import { type LocalFile, walk } from '../../tree/walk.ts';
import type { AggregationMethod, AggregationRule } from '../../whisper/aggregation.ts';
import { ARCHIVE_INFO_SIZE, METADATA_SIZE, POINT_SIZE } from '../../whisper/header.ts';
import { differsFrom } from '../../whisper/reshape.ts';
import type { ArchiveSpec } from '../../whisper/schema.ts';

export interface SchemaOptions extends SelectOptions {
  /** Root of the tree. */
  readonly prefix: string;
  readonly schemaOf: SchemaOf;
  readonly signal?: AbortSignal;
  /** Called with each selected file. */
  readonly onFile: () => void;
  /** Called with each file or directory that cannot be read, or whose schema cannot be found. */
  readonly onFailed: (failed: Named) => void;
}

export interface FileSchema {
  /** Seconds and points of each archive, finest first: `60:1440,300:2016`. */
  readonly retentions: string;
  readonly aggregation: AggregationMethod;
  readonly xFilesFactor: number;
  /** Size of a file with this schema, in bytes. */
  readonly bytes: number;
}

/** A local file with another schema than it should have. */
export interface SchemaDifference {
  readonly metric: string;
  readonly local: FileSchema;
  readonly wanted: FileSchema;
}

/**
 * Yields the local files whose schema is not the one that they should have, in the order of their metrics. Reads only
 * headers, without locks, because writing points does not change them.
 *
 * @throws WhisperBackupError `TREE_MISSING`, `UNTRUSTED_LINK`
 */
export async function* schemaDifferences(options: SchemaOptions): AsyncGenerator<SchemaDifference> {
  const { prefix, schemaOf, signal, onFile, onFailed } = withDefaults(options);
  const isSelected = selector(options);
  const isReachable = mayReach(options);
  const fail = (metric: string, error: unknown) => {
    onFailed({ metric, code: codeOf(error), reason: reasonOf(error) });
  };
  await checkPrefix(prefix);
  for await (const page of walk(prefix, { skip: excludedDirectories(options), signal })) {
    for (const found of page) {
      signal.throwIfAborted();
      if (found.kind === 'blind') {
        if (isReachable(found.order)) fail(found.file, found.error);
        continue;
      }
      if (!isSelected(found.metric)) continue;
      onFile();
      try {
        const difference = differenceOf(found, schemaOf);
        if (difference) yield difference;
      } catch (error) {
        if (codeOf(error) !== 'VANISHED') fail(found.metric, error);
      }
    }
  }
}

function differenceOf({ metric, path, file }: LocalFile, schemaOf: SchemaOf): SchemaDifference | undefined {
  const found = readHeader(file);
  if (!found) return undefined;
  const { header, size } = found;
  const wanted = schemaOf(path);
  if (!differsFrom(header, wanted)) return undefined;
  const local = describe(header.archives, header);
  return { metric, local: { ...local, bytes: size }, wanted: describe(wanted.archives, wanted.rule ?? header) };
}

function describe(archives: readonly ArchiveSpec[], { aggregation, xFilesFactor }: AggregationRule): FileSchema {
  const head = METADATA_SIZE + archives.length * ARCHIVE_INFO_SIZE;
  return {
    retentions: archives.map(({ secondsPerPoint, points }) => `${secondsPerPoint}:${points}`).join(),
    aggregation,
    // A header has a float32: 0.3 instead of 0.30000001192092896.
    xFilesFactor: Number(Math.fround(xFilesFactor).toPrecision(7)),
    bytes: archives.reduce((sum, { points }) => sum + points * POINT_SIZE, head),
  };
}
