import { deserialize, serialize } from 'node:v8';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Backup } from '../../bucket/metric.ts';
import type { Trace } from '../../workers/trace.ts';

/** A file that a restore has published or filled. */
export interface PublishedFile {
  readonly metric: string;
  /** Below the prefix, without `.wsp`. */
  readonly path: string;
  /** What it was restored from. */
  readonly backup: Backup;
  readonly outcome: 'restored' | 'backfilled';
  readonly trace: Trace;
  /** How often it was filled again. */
  readonly again: number;
}

/** Bounds the memory: 200,000 packed files have this size. */
const MAX_BYTES = 2 ** 25;

/** The files that a restore has published, packed, in batches, oldest first. */
export class PublishedFiles {
  readonly #batches: Uint8Array[] = [];
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Whether there is more than may be remembered. */
  get isFull(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  /** How much is remembered, packed. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many batches there are. */
  get batches(): number {
    return this.#batches.length;
  }

  add(files: readonly PublishedFile[]): void {
    if (files.length === 0) return;
    const packed = deflateRawSync(serialize(files), { level: 1 });
    this.#batches.push(packed);
    this.#bytes += packed.length;
  }

  /** Hands out the oldest batch, and forgets it. */
  take(): readonly PublishedFile[] {
    const packed = this.#batches.shift();
    if (!packed) return [];
    this.#bytes -= packed.length;
    return deserialize(inflateRawSync(packed));
  }
}
