import fs, { constants } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { codeOf } from '../../../common/errors.ts';
import { PermanentError, TooLargeError, TransientError } from '../../errors.ts';

type MaybeLater<T> = T | Promise<T>;

/**
 * The calls of the file system that storing and reading one object takes, in two forms: ones that wait without blocking
 * the thread, for one that others need too; and ones that block it, which cost a fraction of the time, for a worker.
 */
export interface Files {
  open(path: string, flags: string | number, mode?: number): MaybeLater<number>;
  close(fd: number): MaybeLater<void>;
  /** How many bytes were read. */
  read(fd: number, bytes: Uint8Array, at: number, length: number): MaybeLater<number>;
  /** How many bytes were written. */
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
  read: async (fd, bytes, at, length) => (await promisify(fs.read)(fd, bytes, at, length, at)).bytesRead,
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
  read: (fd, bytes, at, length) => fs.readSync(fd, bytes, at, length, at),
  write: (fd, bytes, at, length) => fs.writeSync(fd, bytes, at, length, at),
  fstat: (fd) => fs.fstatSync(fd),
  lstat: (path) => fs.lstatSync(path, { throwIfNoEntry: false }),
  realpath: (path) => fs.realpathSync.native(path),
  mkdir: (path, mode) => fs.mkdirSync(path, mode),
  rename: fs.renameSync,
  unlink: fs.unlinkSync,
};

/** Bytes read or written between two looks at the signal. */
const CHUNK = 4 * 1024 * 1024;

/**
 * Reads a regular file whole.
 *
 * @throws TooLargeError over `maxBytes`; PermanentError when it is a FIFO or the like; TransientError when it changed
 *   meanwhile, which a file of this store never does; and what the operating system says, EISDIR for a directory.
 */
export async function readFileWhole(
  files: Files,
  path: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  // Non-blocking, or opening a FIFO would wait for its writer.
  const fd = await files.open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = await files.fstat(fd);
    if (stat.isDirectory()) throw Object.assign(new Error('EISDIR: it is a directory'), { code: 'EISDIR' });
    if (!stat.isFile()) throw new PermanentError(`${path} is not a regular file`);
    if (stat.size > maxBytes)
      throw new TooLargeError(`${path} has ${stat.size} bytes, and ${maxBytes} is the most asked for`);
    // One byte more than there should be, to notice when there is.
    const bytes = new Uint8Array(stat.size + 1);
    let length = 0;
    for (;;) {
      signal?.throwIfAborted();
      const asked = Math.min(CHUNK, bytes.length - length);
      const count = await files.read(fd, bytes, length, asked);
      length += count;
      // A read that brings less than was asked for came to the end, if all is there.
      if (count === 0 || length === bytes.length || (count < asked && length === stat.size)) break;
    }
    if (length !== stat.size) throw new TransientError(`${path} changed while it was read`);
    return bytes.subarray(0, length);
  } finally {
    await files.close(fd);
  }
}

/**
 * Writes a new file with a random name, and makes sure that it has as many bytes as were given. When that fails there
 * is no file.
 *
 * @returns its path.
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
    if (size !== body.length) throw new TransientError(`${size} bytes were written of ${body.length}`);
  } finally {
    // On network file systems closing is what tells that the disk is full.
    await files.close(fd);
  }
}

/** Unlinks a file. That it is not there, or is a directory, is fine. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (isAbsent(error)) return;
    // What unlink(2) says of a directory differs: EISDIR, EPERM, ENOTEMPTY.
    const stat = await lstat(path).catch(() => undefined);
    if (stat && !stat.isDirectory()) throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}
