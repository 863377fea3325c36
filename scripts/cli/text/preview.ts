import { printable } from '../../../lib/common/printable.ts';
import { spanText } from '../../../lib/common/span.ts';
import { formatTimestamp } from '../../../lib/common/timestamp.ts';
import type { Band, Plot } from '../../../lib/whisper/changes.ts';

const BARS = '▁▂▃▄▅▆▇█';
const MAX_COLUMNS = 60;

/** Formats the values of a metric before and after a restore, as one line of bars each; a gap is a space. */
export function previewText(
  metric: string,
  { step, from, width: seconds, before, after }: Plot,
  { color, width }: { readonly color: boolean; readonly width: number },
): string {
  const columns = Math.max(10, Math.min(MAX_COLUMNS, width - '  before '.length));
  const [old, made] = [averages(before, columns), averages(after, columns)];
  const values = [...old, ...made].filter((value) => !Number.isNaN(value));
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const range = values.length === 0 ? 'no points' : `${label(least)} to ${label(most)}`;
  const time = (at: number) => formatTimestamp(new Date(at * 1000));
  const bars = (series: readonly number[]) =>
    series
      .map((value) => barOf(value, least, most))
      .join('')
      .trimEnd();
  const paint = (text: string, code: number) => (color ? `\x1b[${code}m${text}\x1b[0m` : text);
  const until = from + before.low.length * seconds;
  return [
    `${printable(metric)}: ${time(from)} to ${time(until)}, points of ${spanText(step, { exact: true })}, ${range}`,
    `  before ${paint(bars(old), 31)}`,
    `  after  ${paint(bars(made), 32)}`,
    '',
  ].join('\n');
}

/** Joins adjacent columns until they fit. NaN where no value is known. */
function averages({ low, high }: Band, columns: number): number[] {
  const joined = Math.ceil(low.length / columns);
  return Array.from({ length: Math.ceil(low.length / joined) }, (_, i) => {
    const middles = [...low.subarray(i * joined, (i + 1) * joined)]
      .map((value, at) => (value + (high[i * joined + at] ?? value)) / 2)
      .filter((value) => !Number.isNaN(value));
    return middles.reduce((sum, value) => sum + value, 0) / middles.length;
  });
}

function barOf(value: number, least: number, most: number): string {
  if (Number.isNaN(value)) return ' ';
  const share = most > least ? (value - least) / (most - least) : 0.5;
  return BARS[Math.round(share * (BARS.length - 1))] ?? ' ';
}

function label(value: number): string {
  return String(Number(value.toPrecision(6)));
}
