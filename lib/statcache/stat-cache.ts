import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf, reasonOf } from '../common/errors.ts';
import type { Ordered } from '../common/merge.ts';
import type { Report } from '../common/report.ts';
import { whyDirectoryNotTrusted, whyFileNotTrusted } from '../system/trust.ts';
import type { FileStat } from '../tree/file-stat.ts';
import type { LocalFile } from '../tree/walk.ts';
import { CacheWriter, readCache } from './cache-file.ts';
import { type CacheFormat, isSameStat } from './entry.ts';
import { CacheLookup } from './lookup.ts';

export interface StatCacheOptions {
  readonly file: string;
  /** Read every file, and only write the cache. @default false */
  readonly rehash?: boolean;
}

interface CacheUse<E extends Ordered> {
  readonly format: CacheFormat<E>;
  /** Whether the run covers only a part of the tree. */
  readonly isPartial: boolean;
  readonly dryRun: boolean;
  readonly report: Report;
}

/**
 * The stat of each file of a tree in the last run, and what that run found in it, so that unchanged files need not be
 * opened. Read and written in key order, and never completely in memory. A run can do without it.
 */
export class StatCache<E extends Ordered & FileStat> {
  readonly #lookup: CacheLookup<E> | undefined;
  readonly #report: Report;
  readonly #file: string;
  readonly #format: CacheFormat<E>;
  #writer: CacheWriter<E> | undefined;

  private constructor(
    file: string,
    { format, report }: CacheUse<E>,
    lookup: CacheLookup<E> | undefined,
    writer?: CacheWriter<E>,
  ) {
    this.#file = file;
    this.#format = format;
    this.#report = report;
    this.#lookup = lookup;
    this.#writer = writer;
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
  static async open<E extends Ordered & FileStat>(
    options: StatCacheOptions | undefined,
    use: CacheUse<E>,
  ): Promise<StatCache<E>> {
    if (!options) return new StatCache('', use, undefined);
    const { file, rehash = false } = options;
    const { format, isPartial, dryRun, report } = use;
    // Another user could write a cache that hides changed files from the backup.
    const distrust = await whyDirectoryNotTrusted(dirname(file)).catch(reasonOf);
    const doubt = distrust ?? (await whyFileNotTrusted(file).catch(reasonOf));
    if (doubt !== undefined)
      report.log('warn', `The ${format.name} ${file} is not used, so ${format.without}: ${doubt}`);
    if (distrust !== undefined) return new StatCache(file, use, undefined);
    const lookup = rehash || doubt !== undefined ? undefined : new CacheLookup(readCache(file, format));
    if (dryRun) return new StatCache(file, use, lookup);
    try {
      const writer = await CacheWriter.create(file, format, isPartial && doubt === undefined);
      return new StatCache(file, use, lookup, writer);
    } catch (error) {
      // No warning if this user has no rights in the default directory, because the user did not ask for a cache.
      report.log(codeOf(error) === 'EACCES' ? 'debug' : 'warn', unwritable(file, format, error));
      return new StatCache(file, use, lookup);
    }
  }

  /** Returns the entry of an unchanged file. Must be called in key order. */
  find(file: LocalFile): E | undefined | Promise<E | undefined> {
    const { stat } = file;
    return this.#lookup?.find(file, (entry) => stat !== undefined && isSameStat(entry, stat));
  }

  /** Returns the entry of a file, changed or not. Must be called in key order, and not together with `find`. */
  findAny(file: Ordered): E | undefined | Promise<E | undefined> {
    return this.#lookup?.find(file, () => true);
  }

  /** Stores the entry of a file for the next run, or drops it if undefined. Must be called in key order. */
  remember(order: string, entry: E | undefined): undefined | Promise<void> {
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
    this.#report.log('warn', unwritable(this.#file, this.#format, error));
    await writer?.discard();
  }
}

function unwritable(
  file: string,
  { name, without }: Pick<CacheFormat<never>, 'name' | 'without'>,
  error: unknown,
): string {
  return `Cannot write the ${name} ${file}: ${reasonOf(error)}. In the next run ${without}. Check --cache-dir, or use --no-cache.`;
}
