import { appendFileSync, closeSync, constants, openSync } from 'node:fs';
import process from 'node:process';

/** Non-blocking, because the path may be a FIFO. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

/** Prints messages and command output, and writes the same to a log file. */
export class Diary {
  readonly file: string;

  /** @param file path in an existing directory. */
  constructor(file: string) {
    this.file = file;
  }

  /** Prints one line of ours, with the time in the log file. */
  say(line: string): void {
    process.stdout.write(`${line}\n`);
    this.#keep(`${new Date().toISOString()} ${line}\n`);
  }

  /** Passes on the output of a command. */
  pass(chunk: string): void {
    process.stdout.write(chunk);
    this.#keep(chunk);
  }

  #keep(text: string): void {
    const descriptor = openSync(this.file, APPEND, 0o600);
    try {
      appendFileSync(descriptor, text);
    } finally {
      closeSync(descriptor);
    }
  }
}
