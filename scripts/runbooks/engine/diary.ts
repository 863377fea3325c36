import { appendFileSync, closeSync, constants, openSync } from 'node:fs';
import process from 'node:process';

/** Without blocking, should a FIFO stand there. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

/** Tells people what is done, and keeps it: everything that is shown goes to a log file too, with the time. */
export class Diary {
  readonly file: string;

  /** @param file in a directory that is there. */
  constructor(file: string) {
    this.file = file;
  }

  /** A line of ours. */
  say(line: string): void {
    process.stdout.write(`${line}\n`);
    this.#keep(`${new Date().toISOString()} ${line}\n`);
  }

  /** What a command prints, as it prints it. */
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
