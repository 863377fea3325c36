import type { DecodeBound } from './codec.ts';
import { tooLarge } from './errors.ts';

/** How much output is enough to ask `sizeOf`. */
export const HEAD_BYTES = 4096;
/** What is allocated first, whatever the stream says of its size. */
const FIRST_BYTES = 64 * 1024;
/** A size told by the head is allocated at once up to here, or up to what is expected; beyond, memory grows with the bytes that really come. */
const EAGER_BYTES = 16 * 1024 * 1024;

/** What every output begins with: most files fit, and to allocate it for each costs more than to copy the file out. */
const first = new Uint8Array(FIRST_BYTES);

/** Where a decoder puts its output: grows with what comes, asks for the size once the head is there, and never passes the bound. */
export class BoundedOutput {
  readonly #format: string;
  readonly #bound: DecodeBound;
  #buffer: Uint8Array = new Uint8Array(0);
  #length = 0;
  #limit: number;
  #asked = false;

  /** @param format for messages, e.g. `gzip`. */
  constructor(format: string, bound: DecodeBound) {
    this.#format = format;
    this.#bound = bound;
    this.#limit = bound.maxBytes;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Bytes that may still come. */
  get room(): number {
    return this.#limit - this.#length;
  }

  /** How much memory may be allocated before the bytes are there. */
  get eagerBytes(): number {
    return Math.max(EAGER_BYTES, this.#bound.expectedBytes ?? 0);
  }

  /** Whether the head was there and has set the limit as far as it tells one. */
  get limited(): boolean {
    return this.#asked;
  }

  /** What was written from an offset on: a view that the next write makes stale. */
  since(offset: number): Uint8Array {
    return this.#buffer.subarray(offset, this.#length);
  }

  /** @throws CompressionError when it is more than there may be. */
  append(chunk: Uint8Array): void {
    if (chunk.length > this.room) throw this.overflow();
    this.#reserve(chunk.length);
    this.#buffer.set(chunk, this.#length);
    this.commit(chunk.length);
  }

  /** As {@link append}, of memory that nobody else uses: it is taken instead of copied if it is all so far. */
  adopt(chunk: Uint8Array): void {
    if (this.#length > 0 || chunk.length <= FIRST_BYTES || chunk.length > this.room) {
      this.append(chunk);
      return;
    }
    this.#buffer = chunk;
    this.commit(chunk.length);
  }

  /** Free memory at the end, for a decoder that writes by itself; empty only when there is no room at all. */
  space(): Uint8Array {
    if (this.room > 0) this.#reserve(1);
    return this.#buffer.subarray(this.#length, Math.min(this.#buffer.length, this.#limit));
  }

  /** Says that the first bytes of {@link space} were written. */
  commit(bytes: number): void {
    this.#length += bytes;
    this.limitBy(new Uint8Array(0));
  }

  /** Makes {@link space} larger, for a decoder that needs room for a whole part at once. */
  widen(): void {
    if (this.#buffer.length >= this.#limit) throw this.overflow();
    this.#reserve(this.#buffer.length - this.#length + 1);
  }

  /**
   * Asks for the size before the output is here, with bytes that will follow what is written. Does nothing when they
   * are too few together, or it was asked before.
   */
  limitBy(following: Uint8Array): void {
    if (!this.#asked && this.#length + following.length >= HEAD_BYTES) this.#ask(following);
  }

  /** Everything written, in a buffer of its own. */
  finish(): Uint8Array {
    if (!this.#asked) this.#ask(new Uint8Array(0));
    const isWhole = this.#length === this.#buffer.length || this.#bound.memory !== undefined;
    const isOwn = this.#buffer !== first && isWhole;
    return isOwn ? this.since(0) : this.#buffer.slice(0, this.#length);
  }

  overflow(): Error {
    return tooLarge(this.#format, this.#limit);
  }

  #ask(following: Uint8Array): void {
    this.#asked = true;
    const head = following.length === 0 ? this.since(0) : joined(this.since(0), following);
    this.#limit = Math.min(this.#limit, this.#bound.sizeOf?.(head) ?? this.#limit);
    if (head.length > this.#limit) throw this.overflow();
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Math.max(needed, 2 * this.#buffer.length, FIRST_BYTES);
    const { memory } = this.#bound;
    const told = this.#asked && this.#limit <= this.eagerBytes;
    if (this.#buffer.length === 0 && !told && grown <= Math.min(first.length, this.#limit)) {
      this.#buffer = first;
      return;
    }
    const size = told ? this.#limit : Math.min(grown, this.#limit);
    const buffer = memory ? memory(size).subarray(0, size) : new Uint8Array(size);
    buffer.set(this.since(0));
    this.#buffer = buffer;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
