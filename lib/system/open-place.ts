import { join } from 'node:path';
import type { OpenDirectory } from './open-directory.ts';

export class Place {
  readonly directory: OpenDirectory;
  readonly #name: string;

  /** @param directory closed by {@link close}. */
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

  /** Returns the path of another name in the same directory, for system calls. */
  beside(name: string): string {
    return this.directory.at(name);
  }

  withSuffix(suffix: string): string {
    return this.directory.at(`${this.#name}${suffix}`);
  }

  close(): void {
    this.directory.close();
  }
}
