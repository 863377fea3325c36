import { InvalidOptionError } from '../common/errors.ts';
import type { ArchiveSpec } from '../whisper/schema.ts';
import { strip } from './config-file.ts';

const SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_536_000 };

/**
 * Parses a list of archives as carbon does: `60:1440`, `10s:6h,1m:7d`. The second number is a count of points, or with a
 * unit a time.
 *
 * @returns the archives in the order of the text; they need not fit together.
 * @throws InvalidOptionError
 */
export function parseRetentions(text: string): ArchiveSpec[] {
  return text.split(',').map((archive) => {
    const [, seconds, unit = '', , count, length] = /^(\d+)([a-z]*)(\n?):(\d+)([a-z]*)$/.exec(strip(archive)) ?? [];
    const secondsPerPoint = Number(seconds) * (SECONDS[unit] ?? Number.NaN);
    const points =
      length === '' ? Number(count) : (Number(count) * (SECONDS[length ?? ''] ?? Number.NaN)) / secondsPerPoint;
    // Not 0:1d, but carbon accepts 0:10.
    if (secondsPerPoint >= 1 && points >= 1) return { secondsPerPoint, points: Math.floor(points) };
    throw new InvalidOptionError(
      `the retention ${JSON.stringify(archive)} must be like 10s:6h or 60:1440, with a unit of s, m, h, d, w or y and at least one point`,
    );
  });
}
