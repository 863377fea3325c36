import { AGGREGATION_METHODS, type AggregationMethod, aggregationTypeOf } from './aggregation.ts';
import { WhisperError } from './errors.ts';
import { ARCHIVE_INFO_SIZE, METADATA_SIZE, POINT_SIZE } from './header.ts';
import { type ArchiveSpec, validateArchiveList } from './schema.ts';

/** How the points of a new file are aggregated. */
export interface CreateOptions {
  /** @default 'average' */
  readonly aggregation?: AggregationMethod;
  /** The share of finer slots that must be known before a coarser one is written, 0 to 1. @default 0.5 */
  readonly xFilesFactor?: number;
}

/**
 * Makes an empty Whisper file, byte for byte what Whisper's own `create` makes.
 *
 * @throws WhisperError `WHISPER_INVALID_SCHEMA` when no file can be made of this.
 */
export function createWhisper(archives: readonly ArchiveSpec[], options: CreateOptions = {}): Uint8Array {
  const { aggregation = 'average', xFilesFactor = 0.5 } = options;
  const schema = validateArchiveList(archives);
  if (!AGGREGATION_METHODS.includes(aggregation)) {
    throw new WhisperError(
      'WHISPER_INVALID_SCHEMA',
      `Not a valid Whisper schema: the method must be one of ${AGGREGATION_METHODS.join(', ')}: got "${aggregation}"`,
    );
  }
  if (!(xFilesFactor >= 0 && xFilesFactor <= 1)) {
    throw new WhisperError(
      'WHISPER_INVALID_SCHEMA',
      `Not a valid Whisper schema: xFilesFactor must be 0 to 1: got ${xFilesFactor}`,
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
