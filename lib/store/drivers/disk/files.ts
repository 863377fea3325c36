import fs, { constants } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { codeOf } from '../../../common/errors.ts';
import { PermanentError, TooLargeError, TransientError } from '../../errors.ts';
import type { GetOptions } from '../../store.ts';

type MaybeLater<T> = T | Promise<T>;

/**
 * The system calls for storing and reading an object. There are two implementations: asynchronous calls, and blocking
 * calls for workers, which take a fraction of the time.
 */
export interface Files {
  open(path: string, flags: string | number, mode?: number): MaybeLater<number>;
  close(fd: number): MaybeLater<void>;
  read(fd: number, bytes: Uint8Array, at: number, length: number, position: number): MaybeLater<number>;
  write(fd: number, bytes: Uint8Array, at: number, length: number): MaybeLater<number>;
  fstat(fd: number): MaybeLater<fs.Stats>;
  lstat(path: string): MaybeLater<fs.Stats | undefined>;
  realpath(path: string): MaybeLater<string>;
  mkdir(path: string, mode: number): MaybeLater<void>;
  rename(from: string, to: string): MaybeLater<void>;
  unlink(path: string): MaybeLater<void>;
}

const open = promisify(fs.open);
const close = promisify(fs.close);
const fstat = promisify(fs.fstat);

export const waitingFiles: Files = {
  open,
  close,
  read: async (...where) => (await promisify(fs.read)(...where)).bytesRead,
  write: async (fd, bytes, at, length) => (await promisify(fs.write)(fd, bytes, at, length, at)).bytesWritten,
  fstat: (fd) => fstat(fd),
  lstat: (path) =>
    fs.promises.lstat(path).catch((error) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    }),
  realpath: (path) => fs.promises.realpath(path),
  mkdir: (path, mode) => fs.promises.mkdir(path, mode),
  rename: fs.promises.rename,
  unlink: fs.promises.unlink,
};

export const blockingFiles: Files = {
  open: fs.openSync,
  close: fs.closeSync,
  read: fs.readSync,
  write: (fd, bytes, at, length) => fs.writeSync(fd, bytes, at, length, at),
  fstat: (fd) => fs.fstatSync(fd),
  lstat: (path) => fs.lstatSync(path, { throwIfNoEntry: false }),
  realpath: (path) => fs.realpathSync.native(path),
  mkdir: (path, mode) => fs.mkdirSync(path, mode),
  rename: fs.renameSync,
  unlink: fs.unlinkSync,
};

/** Bytes read or written between two checks of the signal. */
const CHUNK = 4 * 1024 * 1024;

/**
 * Reads a regular file, or a range of it.
 *
 * @throws TooLargeError if it exceeds `maxBytes`.
 * @throws PermanentError if it is a FIFO or another special file.
 * @throws TransientError if it changes meanwhile, which files of this store never do.
 * @throws Error of the system, `EISDIR` for a directory.
 */
export async function readObject(
  files: Files,
  path: string,
  { maxBytes, range, signal }: GetOptions,
): Promise<Uint8Array> {
  // Non-blocking, because opening a FIFO would wait for a writer.
  const fd = await files.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = await files.fstat(fd);
    if (stat.isDirectory()) throw Object.assign(new Error('EISDIR: it is a directory'), { code: 'EISDIR' });
    if (!stat.isFile()) throw new PermanentError(`${path} is not a regular file`);
    const { start, end } = range ?? { start: 0, end: stat.size };
    const size = Math.max(0, Math.min(end, stat.size) - start);
    if (size > maxBytes) throw new TooLargeError(`${path} has ${size} bytes, the limit is ${maxBytes}`);
    // One extra byte, to detect a file that has grown.
    const bytes = new Uint8Array(range ? size : size + 1);
    let length = 0;
    while (length < bytes.length) {
      signal?.throwIfAborted();
      const requested = Math.min(CHUNK, bytes.length - length);
      const count = await files.read(fd, bytes, length, requested, start + length);
      length += count;
      // A short read is the end of the file, if the size is right.
      if (count === 0 || (count < requested && length === size)) break;
    }
    if (length !== size) throw new TransientError(`${path} changed while it was read`);
    return bytes.subarray(0, length);
  } finally {
    await files.close(fd);
  }
}

/**
 * Writes a new file with a random name, and checks its size. Removes it after an error.
 *
 * @returns the path of the file.
 */
export async function writeTemporary(
  files: Files,
  directory: string,
  body: Uint8Array,
  signal?: AbortSignal,
): Promise<string> {
  const path = `${directory}/${crypto.randomUUID().replaceAll('-', '')}`;
  const fd = await files.open(path, 'wx', 0o644);
  try {
    await writeAndClose(files, fd, body, signal);
  } catch (error) {
    await unlink(path).catch(() => {});
    throw error;
  }
  return path;
}

async function writeAndClose(files: Files, fd: number, body: Uint8Array, signal?: AbortSignal): Promise<void> {
  try {
    let length = 0;
    while (length < body.length) {
      signal?.throwIfAborted();
      length += await files.write(fd, body, length, Math.min(CHUNK, body.length - length));
    }
    const { size } = await files.fstat(fd);
    if (size !== body.length) throw new TransientError(`only ${size} of ${body.length} bytes were written`);
  } finally {
    // Network file systems may report a full disk only on close.
    await files.close(fd);
  }
}

/** Removes a file. Ignores a missing file and a directory. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (isAbsent(error)) return;
    // The error of unlink(2) for a directory differs: EISDIR, EPERM, ENOTEMPTY.
    const stat = await lstat(path).catch(() => undefined);
    if (stat && !stat.isDirectory()) throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}
