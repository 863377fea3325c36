import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../common/errors.ts';
import { syncfs } from './syncfs.ts';

/** Does not block if a FIFO has replaced the directory. */
const FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NONBLOCK;

/**
 * The file systems that a run writes to; a tree with links and mount points spans several. Keeps a directory of each
 * open.
 */
export class FileSystems {
  readonly #directories = new Map<string, FileHandle>();

  get count(): number {
    return this.#directories.size;
  }

  async add(directory: string): Promise<void> {
    const handle = await open(directory, FLAGS);
    const { dev } = await handle.stat({ bigint: true });
    if (this.#directories.has(`${dev}`)) await handle.close();
    else this.#directories.set(`${dev}`, handle);
  }

  /**
   * Adds the file system of a file, which may be a link. Ignores a file that no longer exists.
   *
   * @param device device number of the file, in decimal; skips all system calls if it is known already.
   */
  async addOf(file: string, device: string): Promise<void> {
    if (this.#directories.has(device)) return;
    try {
      await this.add(dirname(await realpath(file)));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }

  /** Writes all buffered data to disk. @throws Error as {@link syncfs} does. */
  async sync(): Promise<void> {
    for (const { fd } of this.#directories.values()) await syncfs(fd);
  }

  async close(): Promise<void> {
    for (const handle of this.#directories.values()) await handle.close();
    this.#directories.clear();
  }
}
