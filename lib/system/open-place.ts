import { join } from 'node:path';
import type { OpenDirectory } from './open-directory.ts';

/** A name in a directory that is held open, for a file that is there or is to be. */
export class Place {
  readonly directory: OpenDirectory;
  readonly #name: string;

  /** @param directory closed with the place. */
  constructor(directory: OpenDirectory, name: string) {
    this.directory = directory;
    this.#name = name;
  }

  /** The path of the file for system calls. */
  get at(): string {
    return this.directory.at(this.#name);
  }

  /** The path of the file for messages. */
  get path(): string {
    return join(this.directory.path, this.#name);
  }

  /** Another name in the same directory, for system calls. */
  beside(name: string): string {
    return this.directory.at(name);
  }

  /** For system calls: the file's name with something behind it. */
  withSuffix(suffix: string): string {
    return this.directory.at(`${this.#name}${suffix}`);
  }

  close(): void {
    this.directory.close();
  }
}
