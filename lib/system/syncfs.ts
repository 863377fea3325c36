import { fsync } from 'node:fs';
import { promisify } from 'node:util';
import { lastError, libc } from './libc.ts';

/**
 * Writes everything that the file system of an open file or directory holds in memory to the disk: syncfs(2), in a
 * thread of its own. One call takes the place of an fsync(2) for every file.
 *
 * Linux reports an error of earlier writes only to descriptors that were open then: open it before writing.
 *
 * Where there is no syncfs(2), it is sync(2), which may return early, and an fsync(2) of the descriptor.
 *
 * @param fd an open descriptor on that file system; read-only will do.
 * @throws Error with the operating system's `code`, e.g. `EIO`, when data could not be written.
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
