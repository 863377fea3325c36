import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { compareKeys } from '../common/order.ts';
import { makeDirectories } from '../system/make-directories.ts';
import { headerOf, readCache } from './cache-file.ts';
import { CacheCursor } from './cursor.ts';
import type { CacheEntry } from './entry.ts';
import { encodeFrame } from './frame.ts';

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
