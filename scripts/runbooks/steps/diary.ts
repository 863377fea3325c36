import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';

/** Tells people what is done, and keeps it: everything that is shown goes to a log file too, with the time. */
export class Diary {
  readonly file: string;

  constructor(file: string) {
    this.file = file;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
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
    appendFileSync(this.file, text, { mode: 0o600 });
  }
}
