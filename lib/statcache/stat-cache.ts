import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, reasonOf } from '../common/errors.ts';
import type { Report } from '../common/report.ts';
import { whyDirectoryNotTrusted, whyFileNotTrusted } from '../system/trust.ts';
import type { LocalFile } from '../tree/walk.ts';
import { CacheWriter, readCache } from './cache-file.ts';
import type { CacheEntry } from './entry.ts';
import { CacheLookup } from './lookup.ts';

export interface StatCacheOptions {
  readonly file: string;
  /** Read every file, and only write the cache. @default false */
  readonly rehash?: boolean;
}

interface CacheUse {
  readonly prefix: string;
  /** Whether the run covers only a part of the tree. */
  readonly isPartial: boolean;
  readonly dryRun: boolean;
  readonly report: Report;
}

/**
 * The stat and hash of each file of a tree in the last run, so that unchanged files need not be opened. Read and
 * written in key order, and never completely in memory. It only saves time: if it is missing or cannot be written, the
 * backup has the same result.
 */
export class StatCache {
  readonly #lookup: CacheLookup | undefined;
  readonly #report: Report;
  readonly #file: string;
  #writer: CacheWriter | undefined;

  private constructor(file: string, lookup: CacheLookup | undefined, writer: CacheWriter | undefined, report: Report) {
    this.#file = file;
    this.#lookup = lookup;
    this.#writer = writer;
    this.#report = report;
  }

  /** Returns whether a cache exists and is used. If not, every file will be read. */
  static async isThere(options: StatCacheOptions | undefined): Promise<boolean> {
    if (!options || options.rehash) return false;
    return access(options.file).then(
      () => true,
      () => false,
    );
  }

  /** @param options undefined for no cache. */
  static async open(options: StatCacheOptions | undefined, use: CacheUse): Promise<StatCache> {
    if (!options) return new StatCache('', undefined, undefined, use.report);
    const { file, rehash = false } = options;
    const { prefix, isPartial, dryRun, report } = use;
    // Another user could write a cache that hides changed files from the backup.
    const distrust = await whyDirectoryNotTrusted(dirname(file)).catch(reasonOf);
    const doubt = distrust ?? (await whyFileNotTrusted(file).catch(reasonOf));
    if (doubt !== undefined) report.log('warn', `The stat cache ${file} is not used, so all files are read: ${doubt}`);
    if (distrust !== undefined) return new StatCache(file, undefined, undefined, report);
    const lookup = rehash || doubt !== undefined ? undefined : new CacheLookup(readCache(file, prefix));
    if (dryRun) return new StatCache(file, lookup, undefined, report);
    try {
      return new StatCache(
        file,
        lookup,
        await CacheWriter.create(file, prefix, isPartial && doubt === undefined),
        report,
      );
    } catch (error) {
      // No warning if this user has no rights in the default directory, because the user did not ask for a cache.
      report.log(codeOf(error) === 'EACCES' ? 'debug' : 'warn', unwritable(file, error));
      return new StatCache(file, lookup, undefined, report);
    }
  }

  /** Returns the entry of an unchanged file. Must be called in key order. */
  find(file: LocalFile): CacheEntry | undefined | Promise<CacheEntry | undefined> {
    return this.#lookup?.find(file, file.stat);
  }

  /** Stores the entry of a file for the next run, or drops it if undefined. Must be called in key order. */
  remember(order: string, entry: CacheEntry | undefined): undefined | Promise<void> {
    return this.#writer?.put(order, entry)?.catch((error) => this.#giveUp(error));
  }

  /** Publishes the new cache after a complete run. */
  async keep(): Promise<void> {
    await this.#writer?.finish().catch((error) => this.#giveUp(error));
    this.#writer = undefined;
  }

  async close(): Promise<void> {
    await this.#lookup?.close();
    await this.#writer?.discard();
    this.#writer = undefined;
  }

  async #giveUp(error: unknown): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    this.#report.log('warn', unwritable(this.#file, error));
    await writer?.discard();
  }
}

function unwritable(file: string, error: unknown): string {
  return `Cannot write the stat cache ${file}: ${reasonOf(error)}. The next run reads all files. Check --cache-dir, or use --no-cache.`;
}
