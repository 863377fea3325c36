import type { Band, Plot } from '../../../lib/whisper/changes.ts';
import { escapeHtml } from './html.ts';

const [WIDTH, HEIGHT] = [720, 120];

/** Draws the points before and after as inline SVG, with the classes `before` and `after`. */
export function plotSvg({ before, after, from, width }: Plot): string {
  const values = [before.low, before.high, after.low, after.high].flatMap((band) => [...band]);
  const known = values.filter((value) => !Number.isNaN(value));
  const [low, high] = known.length === 0 ? [0, 0] : [Math.min(...known), Math.max(...known)];
  const columns = after.low.length;
  const x = (column: number) => (((column + 0.5) / columns) * WIDTH).toFixed(1);
  // Halved first: the difference of two large values may be infinite.
  const y = (value: number) =>
    (high === low ? HEIGHT / 2 : HEIGHT - ((value / 2 - low / 2) / (high / 2 - low / 2)) * HEIGHT).toFixed(1);
  const path = (name: string, band: Band) => `<path class="${name}" d="${pathOf(band, x, y)}"/>`;
  const time = (column: number) => new Date((from + column * width) * 1000).toISOString().replace(/:\d\d\.000Z$/, 'Z');
  const label = (left: number, top: number, text: string, anchor = 'start') =>
    `<text x="${left}" y="${top}" text-anchor="${anchor}">${escapeHtml(text)}</text>`;
  return [
    `<svg viewBox="-90 -10 ${WIDTH + 100} ${HEIGHT + 34}" role="img">`,
    `<rect width="${WIDTH}" height="${HEIGHT}"/>`,
    path('after', after),
    path('before', before),
    label(-6, 8, numberText(high), 'end'),
    label(-6, HEIGHT, numberText(low), 'end'),
    label(0, HEIGHT + 18, time(0)),
    label(WIDTH, HEIGHT + 18, time(columns), 'end'),
    '</svg>\n',
  ].join('');
}

/** Draws each column from its lowest to its highest value. Columns without points are gaps. */
function pathOf({ low, high }: Band, x: (column: number) => string, y: (value: number) => string): string {
  let path = '';
  let isPen = false;
  for (const [column, value] of low.entries()) {
    const top = high[column];
    const isKnown = !Number.isNaN(value) && top !== undefined;
    // A line of no length shows a point between gaps.
    if (isKnown) path += `${isPen ? 'L' : 'M'}${x(column)} ${y(value)}${top === value ? 'h0' : `V${y(top)}`}`;
    isPen = isKnown;
  }
  return path;
}

function numberText(value: number): string {
  return String(Number(value.toPrecision(6)));
}
