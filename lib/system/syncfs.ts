import { fsync } from 'node:fs';
import { promisify } from 'node:util';
import { lastError, libc } from './libc.ts';

/**
 * Writes all buffered data of one file system to disk: syncfs(2), in a separate thread. One call replaces an fsync(2)
 * of every file.
 *
 * Linux reports write errors only to descriptors that were open when they occurred, so open `fd` before writing.
 *
 * Systems without syncfs(2) get sync(2), which may return early, and an fsync(2) of `fd`.
 *
 * @param fd descriptor of a file or directory on the file system; may be read-only.
 * @throws Error with the operating system's `code`, e.g. `EIO`, if data could not be written.
 */
export async function syncfs(fd: number): Promise<void> {
  if (process.platform !== 'linux') {
    await new Promise<void>((resolve, reject) => {
      libc.sync.async((error) => (error ? reject(error) : resolve()));
    });
    return promisify(fsync)(fd);
  }
  const code = await new Promise<string | undefined>((resolve, reject) => {
    libc.syncfs.async(fd, (error, returned) => {
      if (error) reject(error);
      else resolve(returned === 0 ? undefined : lastError());
    });
  });
  if (code !== undefined)
    throw Object.assign(new Error(`${code}: the file system could not be written to the disk, syncfs`), { code });
}
