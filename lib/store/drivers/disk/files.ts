import fs from 'node:fs';
import { promisify } from 'node:util';

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
