import { deserialize, serialize } from 'node:v8';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Backup } from '../../bucket/metric.ts';
import type { NewSchema } from '../../whisper/reshape.ts';
import type { Trace } from '../../workers/trace.ts';

export interface PublishedFile {
  readonly metric: string;
  /** Its new name, if it was renamed. */
  readonly target?: string;
  /** Path below the prefix, without `.wsp`. */
  readonly path: string;
  readonly backup: Backup;
  readonly schema?: NewSchema;
  readonly outcome: 'restored' | 'backfilled';
  /** Whether it replaced a local file. */
  readonly isReplaced?: boolean;
  readonly trace: Trace;
  /** How often it was filled again. */
  readonly again: number;
}

/** Limits the memory: enough for about 200,000 files. */
const MAX_BYTES = 2 ** 25;

/** A queue of the files that a restore has published, as compressed batches. */
export class PublishedFiles {
  readonly #batches: Uint8Array[] = [];
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  get isFull(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get batches(): number {
    return this.#batches.length;
  }

  add(files: readonly PublishedFile[]): void {
    if (files.length === 0) return;
    // A copy: zlib's result keeps the 16 KiB of memory into which it was written.
    const packed = Uint8Array.from(deflateRawSync(serialize(files), { level: 1 }));
    this.#batches.push(packed);
    this.#bytes += packed.length;
  }

  take(): readonly PublishedFile[] {
    const packed = this.#batches.shift();
    if (!packed) return [];
    this.#bytes -= packed.length;
    return deserialize(inflateRawSync(packed));
  }
}
