import { jsonLine, printable } from '../../../lib/common/printable.ts';
import { spanText } from '../../../lib/common/span.ts';
import { plainTable } from '../../../lib/common/table.ts';
import type { Shown, ShownArchive } from '../../../lib/operations/views/show.ts';

const PLOT_ROWS = 12;

/** Yields each known point as a JSON record: archive (0 is the finest), step in seconds, timestamp, value. */
export function* shownRecords({ name, archives }: Shown): Generator<string> {
  for (const [archive, { secondsPerPoint, series }] of archives.entries()) {
    for (const { timestamp, value } of series) {
      // JSON has no NaN or infinity, so they are written as strings.
      const written = Number.isFinite(value) ? value : String(value);
      yield jsonLine({ metric: name, archive, secondsPerPoint, timestamp, value: written });
    }
  }
}

/** Formats the header, the archives and, if requested, a plot of the finest archive. */
export async function shownText(
  shown: Shown,
  { plot }: { readonly plot?: { readonly width: number; readonly color: boolean } },
): Promise<string> {
  const { name, backup, bytes, aggregation, xFilesFactor, maxRetention, journal, oddity, archives } = shown;
  const header = [
    ['metric', printable(name)],
    ...(backup === undefined
      ? []
      : [
          ['backup', `${backup.date} (${backup.kind}, ${backup.algorithm}, ${backup.size} bytes stored)`],
          ['key', printable(backup.key)],
        ]),
    ...(journal === undefined ? [] : [['journal', `${journal.points} points, up to ${journal.reached}`]]),
    ['size', `${bytes} bytes`],
    ['aggregation', aggregation],
    ['xFilesFactor', String(Number(xFilesFactor.toPrecision(7)))],
    ['retention', exactSpan(maxRetention)],
    ...(oddity === undefined ? [] : [['odd', oddity]]),
  ];
  const finest = archives[0];
  const drawing = plot && finest ? await plotOf(finest, plot) : [];
  return `${[...plainTable(header), '', ...tableOf(archives), ...drawing].join('\n')}\n`;
}

function tableOf(archives: readonly ShownArchive[]): string[] {
  const head = ['archive', 'step', 'retention', 'points', 'known', 'first known', 'last known', 'last value'];
  const rows = archives.map(({ secondsPerPoint, points, retention, known, series }, index) => [
    String(index),
    exactSpan(secondsPerPoint),
    exactSpan(retention),
    String(points),
    String(known),
    timeOf(series[0]?.timestamp),
    timeOf(series.at(-1)?.timestamp),
    series.length === 0 ? '-' : String(series.at(-1)?.value),
  ]);
  return plainTable([head, ...rows]);
}

async function plotOf(
  { secondsPerPoint, series }: ShownArchive,
  { width, color }: { readonly width: number; readonly color: boolean },
): Promise<string[]> {
  const finite = series.filter(({ value }) => Number.isFinite(value));
  const first = finite[0];
  const last = finite.at(-1);
  if (first === undefined || last === undefined) return [];
  const { default: asciichart } = await import('asciichart');
  const labels = Math.max(...finite.map(({ value }) => label(value).length));
  const columns = Math.max(10, width - labels - 3);
  const drawn = asciichart.plot(averages(finite, columns), {
    height: PLOT_ROWS,
    format: (value: number) => label(value).padStart(labels),
    ...(color && { colors: [asciichart.green] }),
  });
  return ['', `${timeOf(first.timestamp)} to ${timeOf(last.timestamp)}, every ${exactSpan(secondsPerPoint)}:`, drawn];
}

/** Averages the points into columns of equal time. A column without points repeats the previous value. */
function averages(series: ShownArchive['series'], columns: number): number[] {
  const start = series[0]?.timestamp ?? 0;
  const span = (series.at(-1)?.timestamp ?? 0) - start;
  if (series.length <= 1) return series.map(({ value }) => value);
  const sums = Array.from({ length: Math.min(columns, series.length) }, () => ({ sum: 0, count: 0 }));
  for (const { timestamp, value } of series) {
    const bin = sums[Math.min(sums.length - 1, Math.floor(((timestamp - start) / span) * sums.length))];
    if (bin === undefined) continue;
    bin.sum += value;
    bin.count++;
  }
  let before = series[0]?.value ?? 0;
  return sums.map(({ sum, count }) => {
    if (count > 0) before = sum / count;
    return before;
  });
}

function label(value: number): string {
  return Math.abs(value) >= 1e7 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(2) : value.toFixed(2);
}

function timeOf(timestamp: number | undefined): string {
  return timestamp === undefined ? '-' : `${new Date(timestamp * 1000).toISOString().slice(0, 19)}Z`;
}

function exactSpan(seconds: number): string {
  return spanText(seconds, { exact: true });
}
