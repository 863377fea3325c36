import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Ordered } from '../common/merge.ts';
import { compareKeys } from '../common/order.ts';
import { PageCursor } from '../common/pages.ts';
import { makeDirectories } from '../system/make-directories.ts';
import { openRegularFile } from '../system/regular-file.ts';
import type { CacheFormat } from './entry.ts';

/**
 * Streams the entries of a cache in key order, by the block. A cache that is missing, or has another header, has no
 * entries; a damaged one has those before the damage. Files without an entry are read.
 */
export async function* readCache<E extends Ordered>(
  file: string,
  format: CacheFormat<E>,
): AsyncGenerator<readonly E[]> {
  let handle: FileHandle;
  try {
    handle = await openRegularFile(file);
  } catch {
    return;
  }
  try {
    yield* blocksOf(handle, format);
  } catch {
    // An unreadable cache must not prevent a backup.
  } finally {
    await handle.close();
  }
}

async function* blocksOf<E extends Ordered>(
  handle: FileHandle,
  { header: expected, decode }: CacheFormat<E>,
): AsyncGenerator<readonly E[]> {
  const frames = readFrames(handle);
  const header = await frames.next();
  if (header.done || JSON.stringify(header.value) !== JSON.stringify(expected)) return;
  let previous: string | undefined;
  for await (const frame of frames) {
    if (!Array.isArray(frame)) return;
    const entries: E[] = [];
    for (const row of frame) {
      const entry = decode(row);
      if (!entry) return;
      entries.push(entry);
    }
    for (const { order } of entries) {
      if (previous !== undefined && compareKeys(previous, order) >= 0) return;
      previous = order;
    }
    yield entries;
  }
}

/*
 * The file is a sequence of frames: length (4 bytes, little-endian), SHA-1 (20 bytes), payload. So damage is detected
 * with only one frame in memory, before later data is used.
 */

const HEAD_BYTES = 24;

/** A longer payload is damage: the largest one is a block of names of up to 1,024 bytes. */
const PAYLOAD_BYTES = 8 * 1024 * 1024;

export function encodeFrame(value: unknown): Uint8Array {
  const payload = Buffer.from(JSON.stringify(value));
  const head = Buffer.alloc(4);
  head.writeUInt32LE(payload.length);
  return Buffer.concat([head, sha1(payload), payload]);
}

/** Reads frames until the end of the file or the first damage. */
async function* readFrames(file: FileHandle): AsyncGenerator<unknown> {
  for (let position = 0; ; ) {
    const head = await readExactly(file, position, HEAD_BYTES);
    if (!head) return;
    const length = head.readUInt32LE();
    if (length > PAYLOAD_BYTES) return;
    const payload = await readExactly(file, position + HEAD_BYTES, length);
    if (!payload || !sha1(payload).equals(head.subarray(4))) return;
    yield JSON.parse(payload.toString());
    position += HEAD_BYTES + length;
  }
}

async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer | undefined> {
  const buffer = Buffer.alloc(length);
  for (let read = 0; read < length; ) {
    const { bytesRead } = await file.read(buffer, read, length - read, position + read);
    if (bytesRead === 0) return undefined;
    read += bytesRead;
  }
  return buffer;
}

function sha1(bytes: Uint8Array): Buffer {
  return createHash('sha1').update(bytes).digest();
}

const BLOCK = 256;

/**
 * Writes a new cache in key order beside the old one, which `finish` replaces. Only this user may write it, because a
 * manipulated cache could hide changed files from the backup.
 */
export class CacheWriter<E extends Ordered> {
  readonly #file: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  readonly #format: CacheFormat<E>;
  /** Entries of the old cache, which are copied unless `put` replaces them. */
  readonly #kept: PageCursor<E> | undefined;
  #block: E[] = [];

  private constructor(file: string, handle: FileHandle, format: CacheFormat<E>, kept: PageCursor<E> | undefined) {
    this.#file = file;
    this.#temporary = temporaryOf(file);
    this.#handle = handle;
    this.#format = format;
    this.#kept = kept;
  }

  /** @param keepOthers keep old entries of files without a `put`, because the run does not cover the whole tree. */
  static async create<E extends Ordered>(
    file: string,
    format: CacheFormat<E>,
    keepOthers: boolean,
  ): Promise<CacheWriter<E>> {
    await makeDirectories(dirname(file), 0o700);
    // A killed run may have left this file. If two runs write at the same time, one cache is incomplete, which is
    // harmless.
    const temporary = temporaryOf(file);
    await rm(temporary, { force: true });
    const handle = await open(temporary, 'wx', 0o600);
    await handle.appendFile(encodeFrame(format.header));
    return new CacheWriter(file, handle, format, keepOthers ? new PageCursor(readCache(file, format)) : undefined);
  }

  /** Adds a file, or drops it if `entry` is undefined. Must be called in key order. */
  put(order: string, entry: E | undefined): undefined | Promise<void> {
    if (this.#kept) return this.#keepUntil(order).then(() => this.#append(entry));
    return this.#append(entry);
  }

  async finish(): Promise<void> {
    await this.#keepUntil(undefined);
    await this.#flush();
    await this.#handle.close();
    await rename(this.#temporary, this.#file);
  }

  async discard(): Promise<void> {
    await this.#kept?.close();
    await this.#handle.close().catch(() => {});
    await rm(this.#temporary, { force: true });
  }

  async #keepUntil(order: string | undefined): Promise<void> {
    const kept = this.#kept;
    for (;;) {
      if (kept?.isStarved) await kept.fill();
      const entry = kept?.item;
      if (!entry) return;
      const difference = order === undefined ? -1 : compareKeys(entry.order, order);
      if (difference > 0) return;
      if (difference < 0) await this.#append(entry);
      kept?.advance();
    }
  }

  #append(entry: E | undefined): undefined | Promise<void> {
    if (entry) this.#block.push(entry);
    return this.#block.length >= BLOCK ? this.#flush() : undefined;
  }

  async #flush(): Promise<void> {
    const block = this.#block.splice(0);
    if (block.length === 0) return;
    await this.#handle.appendFile(encodeFrame(block.map(this.#format.encode)));
  }
}

function temporaryOf(file: string): string {
  return `${file}.tmp`;
}
