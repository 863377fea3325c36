import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { compareKeys } from '../common/order.ts';
import { makeDirectories } from '../system/make-directories.ts';
import { openRegularFile } from '../system/regular-file.ts';
import type { CacheEntry } from './entry.ts';
import { CacheCursor } from './lookup.ts';

const entry = v.strictTuple([v.string(), v.number(), v.number(), v.number(), v.number(), v.string()]);
const block = v.array(entry);

/** What the first frame says: of which tree this is, in which form. */
export function headerOf(prefix: string): { readonly format: string; readonly prefix: string } {
  return { format: 'whisper-backup stat cache 1', prefix };
}

/**
 * Streams what is remembered of a tree in key order, by the block. A cache that is not there, of another tree or another version has
 * nothing to tell, and a damaged one tells what stands before the damage: the files it does not tell of are read.
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
    // E.g. EIO: no reason not to back up.
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
 * The file is a sequence of frames: length (4 bytes, little-endian), SHA-1 (20 bytes), payload. So damage is noticed
 * before anything behind it is believed, with one frame in memory.
 */

const HEAD_BYTES = 24;

/** A longer payload is damage: the largest that is written is a block of names of 1,024 bytes at most. */
const PAYLOAD_BYTES = 8 * 1024 * 1024;

export function encodeFrame(value: unknown): Uint8Array {
  const payload = Buffer.from(JSON.stringify(value));
  const head = Buffer.alloc(4);
  head.writeUInt32LE(payload.length);
  return Buffer.concat([head, sha1(payload), payload]);
}

/** Reads frames one after another, until the file ends or something is wrong: it does not say which. */
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

/** Entries in one frame. */
const BLOCK = 256;

/**
 * Writes the cache anew, entry by entry in key order, beside the old one, which `finish` replaces. Whoever may write it
 * could hide changes from the backup, so nobody else may.
 */
export class CacheWriter {
  readonly #file: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  /** Entries of the old cache that stay unless they are put anew. */
  readonly #kept: CacheCursor | undefined;
  #block: CacheEntry[] = [];

  private constructor(file: string, temporary: string, handle: FileHandle, kept: CacheCursor | undefined) {
    this.#file = file;
    this.#temporary = temporary;
    this.#handle = handle;
    this.#kept = kept;
  }

  /**
   * @param keepOthers keep what the old cache tells of files that are not put: the run is not about the whole tree.
   * @throws the system's error.
   */
  static async create(file: string, prefix: string, keepOthers: boolean): Promise<CacheWriter> {
    await makeDirectories(dirname(file), 0o700);
    // What a run that was killed left there goes. Should two runs meet here, one of them keeps less: no harm.
    const temporary = `${file}.tmp`;
    await rm(temporary, { force: true });
    const handle = await open(temporary, 'wx', 0o600);
    await handle.appendFile(encodeFrame(headerOf(prefix)));
    return new CacheWriter(file, temporary, handle, keepOthers ? new CacheCursor(readCache(file, prefix)) : undefined);
  }

  /** Remembers one file; or forgets it, when there is no entry. Each must stand after the one before. */
  put(order: string, entry: CacheEntry | undefined): undefined | Promise<void> {
    if (this.#kept) return this.#keepUntil(order).then(() => this.#append(entry));
    return this.#append(entry);
  }

  /** Publishes what was put. */
  async finish(): Promise<void> {
    await this.#keepUntil(undefined);
    await this.#flush();
    await this.#handle.close();
    await rename(this.#temporary, this.#file);
  }

  /** Gives up: the old cache stays. */
  async discard(): Promise<void> {
    await this.#kept?.close();
    await this.#handle.close().catch(() => {});
    await rm(this.#temporary, { force: true });
  }

  async #keepUntil(order: string | undefined): Promise<void> {
    const kept = this.#kept;
    while (kept && !kept.isDone) {
      const entry = kept.current;
      if (!entry) {
        await kept.load();
        continue;
      }
      const difference = order === undefined ? -1 : compareKeys(entry.order, order);
      if (difference > 0) return;
      if (difference < 0) await this.#append(entry);
      kept.advance();
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
