import { AGGREGATION_METHODS, type AggregationMethod, aggregationTypeOf } from './aggregation.ts';
import { WhisperError } from './errors.ts';
import { ARCHIVE_INFO_SIZE, METADATA_SIZE, POINT_SIZE } from './header.ts';
import { type ArchiveSpec, validateArchiveList } from './schema.ts';

interface CreateOptions {
  /** @default 'average' */
  readonly aggregation?: AggregationMethod;
  /** The share of finer slots that must have a point before a coarser one is written, 0 to 1. @default 0.5 */
  readonly xFilesFactor?: number;
}

/**
 * Creates an empty Whisper file in memory, byte for byte as Whisper's own `create`.
 *
 * @throws WhisperError `WHISPER_INVALID_SCHEMA` if an archive or option is invalid.
 */
export function createWhisper(archives: readonly ArchiveSpec[], options: CreateOptions = {}): Uint8Array {
  const { aggregation = 'average', xFilesFactor = 0.5 } = options;
  const schema = validateArchiveList(archives);
  if (!AGGREGATION_METHODS.includes(aggregation)) {
    throw new WhisperError(
      'WHISPER_INVALID_SCHEMA',
      `Not a valid Whisper schema: the method is "${aggregation}", but must be one of ${AGGREGATION_METHODS.join(', ')}`,
    );
  }
  if (!(xFilesFactor >= 0 && xFilesFactor <= 1)) {
    throw new WhisperError(
      'WHISPER_INVALID_SCHEMA',
      `Not a valid Whisper schema: xFilesFactor is ${xFilesFactor}, but must be 0 to 1`,
    );
  }

  let offset = METADATA_SIZE + schema.length * ARCHIVE_INFO_SIZE;
  const size = schema.reduce((total, archive) => total + archive.points * POINT_SIZE, offset);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, aggregationTypeOf(aggregation));
  view.setUint32(4, Math.max(...schema.map((archive) => archive.secondsPerPoint * archive.points)));
  view.setFloat32(8, xFilesFactor);
  view.setUint32(12, schema.length);
  for (const [i, { secondsPerPoint, points }] of schema.entries()) {
    const at = METADATA_SIZE + i * ARCHIVE_INFO_SIZE;
    view.setUint32(at, offset);
    view.setUint32(at + 4, secondsPerPoint);
    view.setUint32(at + 8, points);
    offset += points * POINT_SIZE;
  }
  return bytes;
}
