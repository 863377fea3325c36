import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from '../common/errors.ts';
import { syncfs } from './syncfs.ts';

/** A FIFO that took the place of a directory must not block. */
const FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NONBLOCK;

/** The file systems that a run writes to: a tree may have links and mount points in it. One directory of each is held open. */
export class FileSystems {
  readonly #directories = new Map<string, FileHandle>();

  /** How many there are. */
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
   * Adds that of a file, which may be a link. A file that is gone has none.
   *
   * @param device of the file, in decimal digits: one that is held costs nothing.
   */
  async addOf(file: string, device: string): Promise<void> {
    if (this.#directories.has(device)) return;
    try {
      await this.add(dirname(await realpath(file)));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }

  /** Has all that was written to them on the disk. @throws as `syncfs` does. */
  async sync(): Promise<void> {
    for (const { fd } of this.#directories.values()) await syncfs(fd);
  }

  async close(): Promise<void> {
    for (const handle of this.#directories.values()) await handle.close();
    this.#directories.clear();
  }
}
