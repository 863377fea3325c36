const units = [
  ['y', 365 * 86_400],
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
] as const;

export interface SpanOptions {
  /** Use the largest unit without a remainder: `1 h`, `90 s`. */
  readonly exact?: boolean;
  /** Decimals of seconds. @default 0 */
  readonly decimals?: number;
}

/** Formats a duration, rounded down in the largest unit that gives 2 or more: `47 h`, `3 d`, `90 s`. */
export function spanText(seconds: number, { exact = false, decimals = 0 }: SpanOptions = {}): string {
  const unit = units.find(([, length]) =>
    exact ? seconds >= length && seconds % length === 0 : seconds >= 2 * length,
  );
  if (unit !== undefined) return `${Math.floor(seconds / unit[1])} ${unit[0]}`;
  return `${decimals > 0 ? seconds.toFixed(decimals) : Math.floor(seconds)} s`;
}
