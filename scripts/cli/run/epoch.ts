import { UsageError } from '../../../config/usage.ts';

/**
 * Reads `--now`: seconds since 1970; a fraction is cut off.
 *
 * @throws UsageError
 */
export function parseEpoch(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,12}(\.\d*)?$/.test(text)) throw new UsageError(`--now must be seconds since 1970: got "${text}"`);
  return Math.floor(Number(text));
}
