import { close, constants, open as openDescriptor } from 'node:fs';
import { lstat, realpath, stat, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import pMap from 'p-map';
import { codeOf, reasonOf } from '../../../common/errors.ts';
import { UnderWay } from '../../../common/under-way.ts';
import { makeDirectories } from '../../../system/make-directories.ts';
import type { SweepOptions, Swept } from '../../../system/sweep.ts';
import { syncfs } from '../../../system/syncfs.ts';
import { NotFoundError, PermanentError, StoreError, TransientError } from '../../errors.ts';
import { quoted } from '../../key.ts';
import { objectsOf } from '../../pages.ts';
import type { DeleteFailure, ListRange, ObjectStore, OpenOptions, Page, StoredObject } from '../../store.ts';
import { Directories } from './directories.ts';
import { bucketMissing, diskError, systemCodeOf } from './errors.ts';
import { blockingFiles, type Files, readFileWhole, removeFile, waitingFiles, writeTemporary } from './files.ts';
import { listFiles } from './list-stream.ts';
import { checkPath, TEMPORARY } from './path.ts';
import { sweepTemporary } from './sweep-temporary.ts';

export interface DiskStoreOptions {
  /** The bucket: a directory that holds nothing but one host's backups. It may itself be a symbolic link. */
  readonly path: string;
  /** Files deleted at once. @default 16 */
  readonly concurrency?: number;
  /**
   * Let `put` and `get` block the thread: quicker, for a worker thread that has nothing else to do meanwhile. A file
   * system that hangs then hangs the thread, and no signal is heard. @default false
   */
  readonly blocking?: boolean;
}

/**
 * Objects as files below one directory: the key is the path, so that `ls` and `gunzip` are all it takes to restore by
 * hand. Objects get mode 0644 and directories 0755, less the umask.
 *
 * An object is written to `.whisper-backup/tmp/` in the bucket, then renamed into place, so that nobody ever sees half
 * of it. It outlives a power cut only after `flush()`, one syncfs(2) for all.
 *
 * Refused with a PermanentError are keys that are no path on Linux (a name that is empty, `.`, `..` or over 255 bytes),
 * and paths through a symbolic link inside the bucket.
 */
export function createDiskStore(options: DiskStoreOptions): ObjectStore {
  return new DiskStore(options);
}

type Signalled = { readonly signal?: AbortSignal };

/** How often a put makes its directory anew, when deletes that find it empty keep removing it. */
const DIRECTORY_ATTEMPTS = 20;

class DiskStore implements ObjectStore {
  readonly name: string;
  readonly directory: string;
  readonly #path: string;
  readonly #concurrency: number;
  readonly #files: Files;
  #directories: Promise<Directories> | undefined;
  /** The bucket, held open so that syncfs(2) hears of every failed write since. */
  #descriptor: number | undefined;
  /** Whether the directory of temporary files was there, and no link, when it was last looked for. */
  #hasTemporary = false;
  /** What changes the bucket, though whoever asked may have gone: it cleans up behind itself. */
  readonly #underWay = new UnderWay();

  constructor({ path, concurrency = 16, blocking = false }: DiskStoreOptions) {
    this.#path = resolve(path);
    this.#concurrency = concurrency;
    this.#files = blocking ? blockingFiles : waitingFiles;
    this.directory = this.#path;
    this.name = `disk:${this.#path}`;
  }

  async open({ create, onMissing, signal }: OpenOptions): Promise<void> {
    signal?.throwIfAborted();
    try {
      if (create && onMissing && !(await isThere(this.#path))) onMissing();
      if (create) await makeDirectories(this.#path, 0o755);
      if (!(await stat(this.#path)).isDirectory()) {
        throw new PermanentError(`Cannot use ${this.name}: ${this.#path} is not a directory`);
      }
      // Tried rather than asked of access(2), which not every runtime answers as the file system would.
      this.#descriptor ??= await promisify(openDescriptor)(this.#path, constants.O_RDONLY | constants.O_DIRECTORY);
      await stat(`${this.#path}/.`);
      if (create) await this.#tryWriting(signal);
    } catch (error) {
      await this.close();
      const code = codeOf(error);
      if (code === 'ENOENT') throw bucketMissing(this.#path, error);
      if (code === 'NOT_A_DIRECTORY' || code === 'DANGLING_LINK')
        throw new PermanentError(`Cannot use ${this.name}: ${reasonOf(error)}`, { cause: error });
      throw diskError(error, `use ${this.name}`);
    }
  }

  list(range: ListRange = {}): AsyncGenerator<StoredObject, void, void> {
    return objectsOf(this.pages(range), range.signal);
  }

  pages(range: ListRange = {}): AsyncGenerator<Page, void, void> {
    return listFiles(async () => (await this.#bucket()).root, this.name, range);
  }

  async get(key: string, { maxBytes, signal }: { readonly maxBytes: number } & Signalled): Promise<Uint8Array> {
    signal?.throwIfAborted();
    checkPath(key, 'read');
    const doing = `read ${quoted(key)} from ${this.name}`;
    const directories = await this.#bucket();
    const path = `${directories.root}/${key}`;
    try {
      await directories.refuseLinked(dirname(path));
      return await readFileWhole(this.#files, path, maxBytes, signal);
    } catch (error) {
      const code = codeOf(error);
      // `a` is not an object where `a/b` is one, nor `a/b` where `a` is.
      if (code === 'EISDIR' || code === 'ENOTDIR') {
        throw new NotFoundError(`Cannot ${doing}: there is no such object (${code})`, { cause: error });
      }
      throw diskError(error, doing);
    }
  }

  put(key: string, body: Uint8Array, options: Signalled = {}): Promise<void> {
    return this.#underWay.track(this.#put(key, body, options));
  }

  async #put(key: string, body: Uint8Array, { signal }: Signalled): Promise<void> {
    signal?.throwIfAborted();
    checkPath(key, 'store');
    const doing = `store ${quoted(key)} on ${this.name}`;
    const directories = await this.#bucket();
    let temporary: string | undefined;
    try {
      temporary = await this.#writeTemporary(directories, body, signal);
      await this.#publish(directories, temporary, `${directories.root}/${key}`, signal);
    } catch (error) {
      if (temporary !== undefined) await unlink(temporary).catch(() => {});
      const code = codeOf(error);
      // A missing bucket has an error of its own, and nothing else that a put needs has to be there before.
      if (code === 'ENOENT')
        throw new TransientError(`Cannot ${doing}: its directory keeps vanishing`, { cause: error });
      throw diskError(error, doing);
    }
  }

  delete(keys: readonly string[], options: Signalled = {}): Promise<DeleteFailure[]> {
    return this.#underWay.track(this.#delete(keys, options));
  }

  /** Once aborted it deletes no more, but removes the directories that it has emptied. */
  async #delete(keys: readonly string[], { signal }: Signalled): Promise<DeleteFailure[]> {
    signal?.throwIfAborted();
    const directories = await this.#bucket();
    const failures: DeleteFailure[] = [];
    const parents = new Set<string>();
    await pMap(
      keys,
      async (key) => {
        if (signal?.aborted) return;
        try {
          checkPath(key, 'delete');
          const path = `${directories.root}/${key}`;
          if ((await directories.refuseLinked(dirname(path))) === 'missing') return;
          await removeFile(path);
          parents.add(dirname(path));
        } catch (error) {
          const failure = diskError(error, `delete ${quoted(key)} from ${this.name}`);
          failures.push({ key, error: failure instanceof Error ? failure : new Error(String(failure)) });
        }
      },
      { concurrency: this.#concurrency },
    );
    await pMap(parents, (parent) => directories.prune(parent), { concurrency: this.#concurrency });
    signal?.throwIfAborted();
    return failures;
  }

  /** The file system's own clock, which on a network file system is the server's: the time of a file written now. */
  async clock({ signal }: Signalled = {}): Promise<Date | undefined> {
    signal?.throwIfAborted();
    let temporary: string | undefined;
    try {
      temporary = await this.#writeTemporary(await this.#bucket(), new Uint8Array([0]), signal);
      return (await lstat(temporary)).mtime;
    } catch (error) {
      if (isFull(error) || ['EACCES', 'EPERM', 'EROFS'].includes(codeOf(error))) return undefined;
      throw diskError(error, `tell the time of ${this.name}`);
    } finally {
      if (temporary !== undefined) await unlink(temporary).catch(() => {});
    }
  }

  async sweep(options: SweepOptions): Promise<Swept> {
    options.signal?.throwIfAborted();
    const directories = await this.#bucket();
    try {
      return await sweepTemporary(directories, options);
    } catch (error) {
      throw diskError(error, `tidy up ${this.name}`);
    }
  }

  async flush({ signal }: Signalled = {}): Promise<void> {
    signal?.throwIfAborted();
    try {
      this.#descriptor ??= await promisify(openDescriptor)(this.#path, constants.O_RDONLY);
      await syncfs(this.#descriptor);
    } catch (error) {
      throw diskError(error, `flush ${this.name} to the disk`);
    }
  }

  async close(): Promise<void> {
    await this.#underWay.settle();
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) await promisify(close)(descriptor);
  }

  /** Looked up once: where the bucket is, whatever symbolic links lead to it. */
  #bucket(): Promise<Directories> {
    this.#directories ??= realpath(this.#path).then(
      (root) => new Directories(root, this.#files),
      (error) => {
        this.#directories = undefined;
        if (codeOf(error) === 'ENOENT') throw bucketMissing(this.#path, error);
        throw diskError(error, `use ${this.name}`);
      },
    );
    return this.#directories;
  }

  async #tryWriting(signal?: AbortSignal): Promise<void> {
    const directories = await this.#bucket();
    try {
      await unlink(await this.#writeTemporary(directories, new Uint8Array(0), signal));
    } catch (error) {
      // On a full disk a purge must still be able to begin.
      if (!isFull(error)) throw error;
    }
  }

  async #writeTemporary(directories: Directories, body: Uint8Array, signal?: AbortSignal): Promise<string> {
    const directory = `${directories.root}/${TEMPORARY}`;
    if (this.#hasTemporary) {
      try {
        return await writeTemporary(this.#files, directory, body, signal);
      } catch (error) {
        // Somebody tidied up, or the bucket is gone.
        if (codeOf(error) !== 'ENOENT') throw error;
      }
    }
    await directories.ensure(directory);
    const path = await writeTemporary(this.#files, directory, body, signal);
    this.#hasTemporary = true;
    return path;
  }

  async #publish(directories: Directories, temporary: string, path: string, signal?: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await directories.ensure(dirname(path));
        signal?.throwIfAborted();
        await this.#files.rename(temporary, path);
        return;
      } catch (error) {
        // A delete found the directory empty, and removed it between our two steps.
        if (codeOf(error) === 'ENOENT' && attempt < DIRECTORY_ATTEMPTS) continue;
        // Not where we were refused: it may be somebody else's directory, behind a link.
        if (!(error instanceof StoreError)) await directories.prune(dirname(path));
        throw error;
      }
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(systemCodeOf(error));
}
