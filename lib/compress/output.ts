import type { DecodeBound } from './codec.ts';
import { tooLargeError } from './errors.ts';

/** The output that is needed to call `sizeOf`. */
export const HEAD_BYTES = 4096;
const FIRST_BYTES = 64 * 1024;
/** A limit from the first bytes is allocated at once up to this size. Above it, memory grows with the actual output. */
const EAGER_BYTES = 16 * 1024 * 1024;

/** The first buffer of every output. Allocating one for each would cost more than copying the result. */
const first = new Uint8Array(FIRST_BYTES);

/** The output of a decoder, which grows with the data and never exceeds its bound. */
export class BoundedOutput {
  readonly #format: string;
  readonly #bound: DecodeBound;
  #buffer: Uint8Array = new Uint8Array(0);
  #length = 0;
  #limit: number;
  #isLimited = false;

  constructor(format: string, bound: DecodeBound) {
    this.#format = format;
    this.#bound = bound;
    this.#limit = bound.maxBytes;
  }

  get length(): number {
    return this.#length;
  }

  get remaining(): number {
    return this.#limit - this.#length;
  }

  /** How much memory may be allocated before the data exists. */
  get eagerBytes(): number {
    return Math.max(EAGER_BYTES, this.#bound.expectedBytes ?? 0);
  }

  get isLimited(): boolean {
    return this.#isLimited;
  }

  /** Returns the output from an offset, as a view that is valid until the next write. */
  since(offset: number): Uint8Array {
    return this.#buffer.subarray(offset, this.#length);
  }

  /** @throws CompressionError if the output exceeds the limit. */
  append(chunk: Uint8Array): void {
    if (chunk.length > this.remaining) throw this.overflow();
    this.#reserve(chunk.length);
    this.#buffer.set(chunk, this.#length);
    this.commit(chunk.length);
  }

  /** Like {@link append}, but may use the chunk's memory instead of copying it; nothing else may use it. */
  adopt(chunk: Uint8Array): void {
    if (this.#length > 0 || chunk.length <= FIRST_BYTES || chunk.length > this.remaining) {
      this.append(chunk);
      return;
    }
    this.#buffer = chunk;
    this.commit(chunk.length);
  }

  /** Returns free memory for a decoder that writes by itself; empty only if the limit is reached. */
  space(): Uint8Array {
    if (this.remaining > 0) this.#reserve(1);
    return this.#buffer.subarray(this.#length, Math.min(this.#buffer.length, this.#limit));
  }

  /** Records that the first bytes of {@link space} were written. */
  commit(bytes: number): void {
    this.#length += bytes;
    this.limitBy(new Uint8Array(0));
  }

  /** Enlarges {@link space}, for a decoder that needs memory for a whole part at once. */
  widen(): void {
    if (this.#buffer.length >= this.#limit) throw this.overflow();
    this.#reserve(this.#buffer.length - this.#length + 1);
  }

  /**
   * Calls `sizeOf` early, with the output so far and the bytes that follow it. Does nothing if these are too few, or if
   * it was called before.
   */
  limitBy(following: Uint8Array): void {
    if (!this.#isLimited && this.#length + following.length >= HEAD_BYTES) this.#limitNow(following);
  }

  /** Returns the whole output, with its own buffer. */
  finish(): Uint8Array {
    if (!this.#isLimited) this.#limitNow(new Uint8Array(0));
    const isWhole = this.#length === this.#buffer.length || this.#bound.memory !== undefined;
    const isOwn = this.#buffer !== first && isWhole;
    return isOwn ? this.since(0) : this.#buffer.slice(0, this.#length);
  }

  overflow(): Error {
    return tooLargeError(this.#format, this.#limit);
  }

  #limitNow(following: Uint8Array): void {
    this.#isLimited = true;
    const head = following.length === 0 ? this.since(0) : concat(this.since(0), following);
    this.#limit = Math.min(this.#limit, this.#bound.sizeOf?.(head) ?? this.#limit);
    if (head.length > this.#limit) throw this.overflow();
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Math.max(needed, 2 * this.#buffer.length, FIRST_BYTES);
    const { memory } = this.#bound;
    const isSizeKnown = this.#isLimited && this.#limit <= this.eagerBytes;
    if (this.#buffer.length === 0 && !isSizeKnown && grown <= Math.min(first.length, this.#limit)) {
      this.#buffer = first;
      return;
    }
    const size = isSizeKnown ? this.#limit : Math.min(grown, this.#limit);
    const buffer = memory ? memory(size).subarray(0, size) : new Uint8Array(size);
    buffer.set(this.since(0));
    this.#buffer = buffer;
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
