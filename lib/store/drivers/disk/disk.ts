import { close, constants, open as openDescriptor } from 'node:fs';
import { lstat, realpath, stat, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import pMap from 'p-map';
import { codeOf, reasonOf } from '../../../common/errors.ts';
import { PendingCalls } from '../../../common/pending-calls.ts';
import { makeDirectories } from '../../../system/make-directories.ts';
import type { SweepOptions, Swept } from '../../../system/sweep.ts';
import { syncfs } from '../../../system/syncfs.ts';
import { NotFoundError, PermanentError, TransientError } from '../../errors.ts';
import { quoted } from '../../key.ts';
import { objectsOf } from '../../pages.ts';
import type {
  DeleteFailure,
  GetOptions,
  ListRange,
  ObjectStore,
  OpenOptions,
  Page,
  StoredObject,
} from '../../store.ts';
import { Directories } from './directories.ts';
import { bucketMissing, diskError, systemCodeOf } from './errors.ts';
import { blockingFiles, type Files, readObject, removeFile, waitingFiles } from './files.ts';
import { listFiles } from './list-stream.ts';
import { checkPath } from './path.ts';
import { sweepTemporary } from './sweep-temporary.ts';
import { Writing } from './writing.ts';

export interface DiskStoreOptions {
  /** The bucket: a directory for the backups of one host only. It may be a symbolic link. */
  readonly path: string;
  /** Files deleted at once. @default 16 */
  readonly concurrency?: number;
  /**
   * Use blocking calls in `put` and `get`: faster, for worker threads without other work. If the file system hangs, the
   * thread hangs and ignores its signal. @default false
   */
  readonly blocking?: boolean;
}

/**
 * Creates a store of files below a directory. The key is the path, so that `ls` and `gunzip` suffice for a manual
 * restore. Objects get mode 0644 and directories 0755, minus the umask.
 *
 * An object is written to `.whisper-backup/tmp/` in the bucket and then renamed, so that no reader sees an incomplete
 * one. It only survives a power failure after `flush()`, which is one syncfs(2) for all objects.
 *
 * Rejects with PermanentError keys that are not a path on Linux (a name that is empty, `.`, `..` or longer than 255
 * bytes) and paths with a symbolic link inside the bucket.
 */
export function createDiskStore(options: DiskStoreOptions): ObjectStore {
  return new DiskStore(options);
}

type Signalled = { readonly signal?: AbortSignal };

class DiskStore implements ObjectStore {
  readonly name: string;
  readonly directory: string;
  readonly #path: string;
  readonly #concurrency: number;
  readonly #files: Files;
  readonly #writing: Writing;
  #directories: Promise<Directories> | undefined;
  /** The open bucket, so that syncfs(2) reports all write errors since it was opened. */
  #descriptor: number | undefined;
  /** Running writes, including those whose caller has stopped waiting. They clean up after themselves. */
  readonly #pending = new PendingCalls();

  constructor({ path, concurrency = 16, blocking = false }: DiskStoreOptions) {
    this.#path = resolve(path);
    this.#concurrency = concurrency;
    this.#files = blocking ? blockingFiles : waitingFiles;
    this.#writing = new Writing(this.#files);
    this.directory = this.#path;
    this.name = `disk:${this.#path}`;
  }

  async open({ create, onMissing, signal }: OpenOptions): Promise<void> {
    signal?.throwIfAborted();
    try {
      if (create && onMissing && !(await exists(this.#path))) onMissing();
      if (create) await makeDirectories(this.#path, 0o755);
      if (!(await stat(this.#path)).isDirectory()) {
        throw new PermanentError(`Cannot use ${this.name}: ${this.#path} is not a directory`);
      }
      // Tries to open it, because access(2) is not reliable in every runtime.
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

  async get(key: string, options: GetOptions): Promise<Uint8Array> {
    options.signal?.throwIfAborted();
    checkPath(key, 'read');
    const doing = `read ${quoted(key)} from ${this.name}`;
    const directories = await this.#bucket();
    const path = `${directories.root}/${key}`;
    try {
      await directories.refuseLinked(dirname(path));
      return await readObject(this.#files, path, options);
    } catch (error) {
      const code = codeOf(error);
      // If `a/b` is an object, `a` is a directory; if `a` is an object, `a/b` cannot exist.
      if (code === 'EISDIR' || code === 'ENOTDIR') {
        throw new NotFoundError(`Cannot ${doing}: there is no such object (${code})`, { cause: error });
      }
      throw diskError(error, doing);
    }
  }

  put(key: string, body: Uint8Array, options: Signalled = {}): Promise<void> {
    return this.#pending.track(this.#put(key, body, options));
  }

  async #put(key: string, body: Uint8Array, { signal }: Signalled): Promise<void> {
    signal?.throwIfAborted();
    checkPath(key, 'store');
    const doing = `store ${quoted(key)} on ${this.name}`;
    const directories = await this.#bucket();
    let temporary: string | undefined;
    try {
      temporary = await this.#writing.writeTemporary(directories, body, signal);
      await this.#writing.publish(directories, temporary, `${directories.root}/${key}`, signal);
    } catch (error) {
      if (temporary !== undefined) await unlink(temporary).catch(() => {});
      const code = codeOf(error);
      // A missing bucket is another error, and put creates all other directories.
      if (code === 'ENOENT')
        throw new TransientError(`Cannot ${doing}: another process keeps removing its directory`, { cause: error });
      throw diskError(error, doing);
    }
  }

  delete(keys: readonly string[], options: Signalled = {}): Promise<DeleteFailure[]> {
    return this.#pending.track(this.#delete(keys, options));
  }

  /** After an abort it deletes nothing more, but still removes the directories that it has emptied. */
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

  /** Reads the clock of the file system, on a network file system that of the server, from the time of a new file. */
  async clock({ signal }: Signalled = {}): Promise<Date | undefined> {
    signal?.throwIfAborted();
    let temporary: string | undefined;
    try {
      temporary = await this.#writing.writeTemporary(await this.#bucket(), new Uint8Array([0]), signal);
      return (await lstat(temporary)).mtime;
    } catch (error) {
      if (isFull(error) || ['EACCES', 'EPERM', 'EROFS'].includes(codeOf(error))) return undefined;
      throw diskError(error, `read the clock of ${this.name}`);
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
      throw diskError(error, `remove temporary files from ${this.name}`);
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
    await this.#pending.waitForAll();
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) await promisify(close)(descriptor);
  }

  /** Resolves the symbolic links in the path of the bucket, once. */
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
      await unlink(await this.#writing.writeTemporary(directories, new Uint8Array(0), signal));
    } catch (error) {
      // A purge must be able to start on a full disk.
      if (!isFull(error)) throw error;
    }
  }
}

async function exists(path: string): Promise<boolean> {
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
