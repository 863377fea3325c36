import { constants } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { codeOf } from '../../../common/errors.ts';
import { PermanentError, TooLargeError, TransientError } from '../../errors.ts';
import type { Files } from './files.ts';

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
