import { parseValue } from './line.ts';

/** The lines of one metric from one journal run. */
export interface JournalLines {
  /** The time of the run: Unix time in seconds. */
  readonly until: number;
  readonly lines: Uint8Array;
}

interface Point {
  readonly timestamp: number;
  readonly value: number;
}

const MAX_TIMESTAMP = 2 ** 32 - 1;

/** Parses lines of one metric. Leaves out lines that are not points. */
export function pointsOf(lines: Uint8Array): Point[] {
  const text = new TextDecoder().decode(lines);
  const points: Point[] = [];
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const space = text.indexOf(' ', start);
    const second = space < 0 ? -1 : text.indexOf(' ', space + 1);
    if (second > 0 && second < end) {
      const value = parseValue(text.slice(space + 1, second));
      const timestamp = Number(text.slice(second + 1, end));
      if (value !== undefined && isTimestamp(timestamp)) points.push({ timestamp, value });
    }
    start = end + 1;
  }
  return points;
}

function isTimestamp(timestamp: number): boolean {
  return Number.isInteger(timestamp) && timestamp > 0 && timestamp <= MAX_TIMESTAMP;
}
