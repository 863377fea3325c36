import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { codeOf, pathReason, WhisperBackupError } from '../../../lib/common/errors.ts';
import { writeAll } from './write-all.ts';

const BUFFERED_CHARACTERS = 2 ** 16;

/** A file that is written under a temporary name beside its own, and gets its own name when it is complete. */
export class NewFile {
  readonly #file: string;
  readonly #temporary: string;
  readonly #fd: number;
  #buffered = '';
  #isOpen = true;

  /** @throws WhisperBackupError `REPORT_FILE` if it cannot be created. An existing file stays until {@link publish}. */
  constructor(file: string) {
    this.#file = file;
    const unique = crypto.randomUUID().slice(0, 8);
    this.#temporary = join(dirname(file), `.${basename(file)}.${unique}.tmp`);
    try {
      const found = statSync(file, { throwIfNoEntry: false });
      if (found && !found.isFile()) throw new Error(found.isDirectory() ? 'it is a directory' : 'it is not a file');
      this.#fd = openSync(this.#temporary, 'wx', 0o644);
    } catch (cause) {
      throw this.#error(cause);
    }
  }

  /** @throws WhisperBackupError `REPORT_FILE` */
  write(text: string): void {
    this.#buffered += text;
    if (this.#buffered.length >= BUFFERED_CHARACTERS) this.#flush();
  }

  /** Gives the file its name; replaces an existing one. @throws WhisperBackupError `REPORT_FILE` */
  publish(): void {
    this.#flush();
    try {
      fsyncSync(this.#fd);
      renameSync(this.#temporary, this.#file);
    } catch (cause) {
      throw this.#error(cause);
    }
    this.#close();
  }

  /** Removes the file, unless it was published. */
  discard(): void {
    if (!this.#isOpen) return;
    this.#close();
    rmSync(this.#temporary, { force: true });
  }

  #flush(): void {
    const text = this.#buffered;
    this.#buffered = '';
    try {
      writeAll(this.#fd, text);
    } catch (cause) {
      throw this.#error(cause);
    }
  }

  #close(): void {
    this.#isOpen = false;
    closeSync(this.#fd);
  }

  #error(cause: unknown): WhisperBackupError {
    const first = codeOf(cause) === 'ENOENT' ? 'create its directory' : 'make its directory writable';
    const remedy = `${first}, or choose another file with --report`;
    const why = `Cannot write the report ${this.#file}: ${pathReason(cause)}`;
    return new WhisperBackupError('REPORT_FILE', `${why}: ${remedy}`, { cause });
  }
}
