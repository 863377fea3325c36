import type { JournalPart } from './index-file.ts';

/** A part is stored when it has this many bytes of lines: about 1 MB compressed. */
const ENOUGH_BYTES = 9 * 2 ** 20;

/** A metric with more bytes of lines is split. */
const METRIC_BYTES = 32 * 2 ** 20;

/** How many parts are under way at once. */
const CONCURRENCY = 2;

const NEWLINE = 10;

type Stored = Pick<JournalPart, 'name' | 'sha1' | 'size' | 'bytes'>;

/** Cuts the lines of a run into parts, and stores these while more lines arrive. */
export class PartWriter {
  readonly #store: (number: number, lines: Uint8Array) => Promise<Stored>;
  readonly #parts: Promise<JournalPart>[] = [];
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #lines = 0;
  #first = '';
  #last = '';

  /** @param store stores a part; numbers start at 1. */
  constructor(store: (number: number, lines: Uint8Array) => Promise<Stored>) {
    this.#store = store;
  }

  /** Adds the lines of a metric; must be called in key order. Returns a promise only if it must wait. */
  add(metric: string, chunk: Uint8Array, lines: number): undefined | Promise<void> {
    if (chunk.length > METRIC_BYTES) return this.#addPieces(metric, chunk);
    if (this.#bytes === 0) this.#first = metric;
    this.#last = metric;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    this.#lines += lines;
    return this.#bytes >= ENOUGH_BYTES ? this.#cut() : undefined;
  }

  /** Stores the last part. @returns all parts. @throws Error of `store` */
  async finish(): Promise<readonly JournalPart[]> {
    await this.#cut();
    return Promise.all(this.#parts);
  }

  async #addPieces(metric: string, chunk: Uint8Array): Promise<void> {
    await this.#cut();
    for (let start = 0; start < chunk.length; ) {
      const limit = start + METRIC_BYTES;
      const end = limit >= chunk.length ? chunk.length : chunk.lastIndexOf(NEWLINE, limit - 1) + 1;
      const piece = chunk.subarray(start, end);
      await this.add(metric, piece, countLines(piece));
      await this.#cut();
      start = end;
    }
  }

  async #cut(): Promise<void> {
    if (this.#bytes === 0) return;
    // Bytes with their own memory can be moved to another thread.
    const lines = new Uint8Array(this.#bytes);
    let at = 0;
    for (const chunk of this.#chunks) {
      lines.set(chunk, at);
      at += chunk.length;
    }
    const about = { first: this.#first, last: this.#last, lines: this.#lines };
    this.#chunks = [];
    this.#bytes = 0;
    this.#lines = 0;
    const { length } = this.#parts;
    const part = this.#store(length + 1, lines).then((stored) => ({ ...about, ...stored }));
    // Reported when it is awaited.
    part.catch(() => {});
    this.#parts.push(part);
    await this.#parts[length - CONCURRENCY + 1];
  }
}

function countLines(bytes: Uint8Array): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
