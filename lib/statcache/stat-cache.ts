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
  /** Where it is; its directory is made. */
  readonly file: string;
  /** Read every file, whatever is remembered of it. @default false */
  readonly rehash?: boolean;
}

/** What a run does with its cache. */
export interface CacheUse {
  readonly prefix: string;
  /** Whether the run is not about the whole tree. */
  readonly isPartial: boolean;
  /** Remember nothing. */
  readonly dryRun: boolean;
  readonly report: Report;
}

/**
 * What the last run learned about the files of a tree, so that those which have not changed since need not be opened:
 * looked up and written anew in key order, and never held whole. It only saves time: without it, or when it cannot be
 * written, everything else is the same.
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

  /** Whether there is anything to remember: if not, every file will be read. */
  static async isThere(options: StatCacheOptions | undefined): Promise<boolean> {
    if (!options || options.rehash) return false;
    return access(options.file).then(
      () => true,
      () => false,
    );
  }

  /** @param options without them there is no cache. */
  static async open(options: StatCacheOptions | undefined, use: CacheUse): Promise<StatCache> {
    if (!options) return new StatCache('', undefined, undefined, use.report);
    const { file, rehash = false } = options;
    const { prefix, isPartial, dryRun, report } = use;
    // Another user could write a cache that hides changed files from the backup.
    const distrust = await whyDirectoryNotTrusted(dirname(file)).catch(reasonOf);
    const doubt = distrust ?? (await whyFileNotTrusted(file).catch(reasonOf));
    if (doubt !== undefined) report.log('warn', `The stat cache ${file} is not used: ${doubt}: every file is read`);
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
      // A user who may not write where it is by default has not asked for one.
      report.log(codeOf(error) === 'EACCES' ? 'debug' : 'warn', unwritable(file, error));
      return new StatCache(file, lookup, undefined, report);
    }
  }

  /** What is remembered of a file, if it looks as it did then. To be asked in key order. */
  find(file: LocalFile): CacheEntry | undefined | Promise<CacheEntry | undefined> {
    return this.#lookup?.find(file, file.stat);
  }

  /** Remembers a file for the next run, or forgets it. To be told in key order. */
  remember(order: string, entry: CacheEntry | undefined): undefined | Promise<void> {
    return this.#writer?.put(order, entry)?.catch((error) => this.#giveUp(error));
  }

  /** The run went through: what was remembered is kept. */
  async keep(): Promise<void> {
    await this.#writer?.finish().catch((error) => this.#giveUp(error));
    this.#writer = undefined;
  }

  /** Lets go of the files; what was not kept is gone. */
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
  return `Cannot write the stat cache ${file}: ${reasonOf(error)}: the next run reads every file; see --cache-dir and --no-cache`;
}
