import type { Algorithm } from '../../compress/codec.ts';
import { gzipEngines, readingEngines } from '../../compress/engine.ts';

/**
 * What decodes a backup to verify it: another engine than this host writes with, so that a file is never trusted to the
 * code that made it. Who wrote it no file tells.
 *
 * @param gzipEngine the engine that this host is told to write with, or `auto`.
 */
export function otherEngine(algorithm: Algorithm, gzipEngine = 'auto'): string {
  // Both that write Zstandard are libzstd.
  if (algorithm === 'zst') return 'fzstd';
  const writer = gzipEngine === 'auto' ? gzipEngines()[0] : gzipEngine;
  return readingEngines(algorithm).find((engine) => algorithm !== 'gz' || engine !== writer) ?? 'auto';
}
