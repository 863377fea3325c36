import { lineNameOf, valueText } from './line.ts';

interface Point {
  readonly timestamp: number;
  readonly value: number;
}

/** A value, a timestamp, two spaces and the newline have at most this many bytes. */
const POINT_BYTES = 48;
/** The most memory that is kept for the next lines. */
const KEPT_BYTES = 2 ** 24;

const SPACE = 32;
const NEWLINE = 10;

/** Writes points as lines, into memory that is used again: a string for each line would be ten times the garbage. */
export class LineWriter {
  #memory = Buffer.alloc(0);
  #length = 0;

  /** Bytes of the lines so far. */
  get length(): number {
    return this.#length;
  }

  /** Adds the lines of a metric. */
  add(metric: string, points: readonly Point[]): void {
    const name = Buffer.from(`${lineNameOf(metric)} `);
    this.#reserve(points.length * (name.length + POINT_BYTES));
    for (const { timestamp, value } of points) {
      this.#memory.set(name, this.#length);
      this.#length += name.length;
      this.#addDigits(valueText(value), SPACE);
      this.#addDigits(String(timestamp), NEWLINE);
    }
  }

  /** Returns a copy of the lines, and forgets them. */
  take(): Uint8Array {
    const lines = Uint8Array.from(this.#memory.subarray(0, this.#length));
    this.#length = 0;
    if (this.#memory.length > KEPT_BYTES) this.#memory = Buffer.alloc(0);
    return lines;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#memory.length) return;
    const memory = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#memory.length));
    memory.set(this.#memory.subarray(0, this.#length));
    this.#memory = memory;
  }

  #addDigits(text: string, end: number): void {
    const memory = this.#memory;
    let at = this.#length;
    for (let i = 0; i < text.length; i++) memory[at++] = text.charCodeAt(i);
    memory[at++] = end;
    this.#length = at;
  }
}
