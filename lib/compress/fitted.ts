import type { Compressor } from './codec.ts';

/** Smaller files are all compressed thoroughly: for these a sample would cost as much as it saves. */
const SAMPLED_BYTES = 128 * 1024;
const SAMPLE_BYTES = 8 * 1024;
/** Of what is made so much smaller, as of files that are mostly empty, no level takes longer than another. */
const EMPTY_RATIO = 50;
/** Where the samples start: a Whisper file's first archive has the freshest points, its last the most aggregated. */
const PLACES = [1 / 4, 3 / 4] as const;

/**
 * Compresses thoroughly what gains by it, and lightly what does not: two samples of a file tell which. Whisper files
 * differ by a factor of four in that gain, and thoroughness takes twice the time on all of them.
 *
 * @param light one that is fast.
 * @param thorough the same engine at a level that makes less of most data.
 * @param gain from 0 to 1: the part of the light one's bytes that the thorough one must save.
 */
export function fitted(light: Compressor, thorough: Compressor, gain: number): Compressor {
  return {
    ...thorough,
    compress(data) {
      const isThorough = data.length < SAMPLED_BYTES || gains(data, light, thorough, gain);
      return (isThorough ? thorough : light).compress(data);
    },
  };
}

function gains(data: Uint8Array, light: Compressor, thorough: Compressor, gain: number): boolean {
  let lightBytes = 0;
  let thoroughBytes = 0;
  for (const place of PLACES) {
    const start = Math.floor(place * data.length);
    const sample = data.subarray(start, start + SAMPLE_BYTES);
    lightBytes += light.compress(sample).length;
    thoroughBytes += thorough.compress(sample).length;
  }
  return thoroughBytes <= (1 - gain) * lightBytes || lightBytes * EMPTY_RATIO < PLACES.length * SAMPLE_BYTES;
}
