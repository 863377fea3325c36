import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { compareKeys } from '../common/order.ts';
import { PageCursor } from '../common/pages.ts';
import { makeDirectories } from '../system/make-directories.ts';
import { openRegularFile } from '../system/regular-file.ts';
import type { CacheEntry } from './entry.ts';

const entry = v.strictTuple([v.string(), v.number(), v.number(), v.number(), v.number(), v.string()]);
const block = v.array(entry);

/** The content of the first frame: the format, and the tree that the cache is for. */
export function headerOf(prefix: string): { readonly format: string; readonly prefix: string } {
  return { format: 'whisper-backup stat cache 1', prefix };
}

/**
 * Streams the entries of a cache in key order, by the block. A cache that is missing, or of another tree or version,
 * has no entries; a damaged one has those before the damage. Files without an entry are read.
 */
export async function* readCache(file: string, prefix: string): AsyncGenerator<readonly CacheEntry[]> {
  let handle: FileHandle;
  try {
    handle = await openRegularFile(file);
  } catch {
    return;
  }
  try {
    yield* blocksOf(handle, prefix);
  } catch {
    // An unreadable cache must not prevent a backup.
  } finally {
    await handle.close();
  }
}

async function* blocksOf(handle: FileHandle, prefix: string): AsyncGenerator<readonly CacheEntry[]> {
  const frames = readFrames(handle);
  const header = await frames.next();
  if (header.done || JSON.stringify(header.value) !== JSON.stringify(headerOf(prefix))) return;
  let previous: string | undefined;
  for await (const frame of frames) {
    const parsed = v.safeParse(block, frame, { abortEarly: true });
    if (!parsed.success) return;
    const entries = parsed.output.map(([order, size, mtimeMs, ctimeMs, ino, sha1]) => {
      return { order, size, mtimeMs, ctimeMs, ino, sha1 };
    });
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
export class CacheWriter {
  readonly #file: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  /** Entries of the old cache, which are copied unless `put` replaces them. */
  readonly #kept: PageCursor<CacheEntry> | undefined;
  #block: CacheEntry[] = [];

  private constructor(file: string, temporary: string, handle: FileHandle, kept: PageCursor<CacheEntry> | undefined) {
    this.#file = file;
    this.#temporary = temporary;
    this.#handle = handle;
    this.#kept = kept;
  }

  /** @param keepOthers keep old entries of files without a `put`, because the run does not cover the whole tree. */
  static async create(file: string, prefix: string, keepOthers: boolean): Promise<CacheWriter> {
    await makeDirectories(dirname(file), 0o700);
    // A killed run may have left this file. If two runs write at the same time, one cache is incomplete, which is
    // harmless.
    const temporary = `${file}.tmp`;
    await rm(temporary, { force: true });
    const handle = await open(temporary, 'wx', 0o600);
    await handle.appendFile(encodeFrame(headerOf(prefix)));
    return new CacheWriter(file, temporary, handle, keepOthers ? new PageCursor(readCache(file, prefix)) : undefined);
  }

  /** Adds a file, or drops it if `entry` is undefined. Must be called in key order. */
  put(order: string, entry: CacheEntry | undefined): undefined | Promise<void> {
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

  #append(entry: CacheEntry | undefined): undefined | Promise<void> {
    if (entry) this.#block.push(entry);
    return this.#block.length >= BLOCK ? this.#flush() : undefined;
  }

  async #flush(): Promise<void> {
    const block = this.#block.splice(0);
    if (block.length === 0) return;
    const rows = block.map(({ order, size, mtimeMs, ctimeMs, ino, sha1 }) => [
      order,
      size,
      mtimeMs,
      ctimeMs,
      ino,
      sha1,
    ]);
    await this.#handle.appendFile(encodeFrame(rows));
  }
}
