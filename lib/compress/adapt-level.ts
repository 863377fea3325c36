import type { Compressor } from './codec.ts';

/** Smaller files are always compressed thoroughly, because sampling them would cost as much time as it saves. */
const SAMPLED_BYTES = 128 * 1024;
const SAMPLE_BYTES = 8 * 1024;
/** At this ratio, as of mostly empty files, all levels take the same time. */
const EMPTY_RATIO = 50;
/** Start of each sample: the first archive of a Whisper file has raw points, the last the most aggregated ones. */
const PLACES = [1 / 4, 3 / 4] as const;

/**
 * Returns a compressor that chooses between two levels by two samples of each file. The gain of the thorough level
 * differs between Whisper files by a factor of four, but it always takes twice the time.
 *
 * @param light a fast level.
 * @param thorough the same engine at a level with smaller output for most data.
 * @param gain the share of the light level's bytes, 0 to 1, that the thorough level must save to be chosen.
 */
export function adaptLevel(light: Compressor, thorough: Compressor, gain: number): Compressor {
  return {
    ...thorough,
    compress(data, memory) {
      const isThorough = data.length < SAMPLED_BYTES || gains(data, light, thorough, gain);
      return (isThorough ? thorough : light).compress(data, memory);
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
