import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The updates of a phase; durations in milliseconds. */
export interface Phase {
  readonly updates: number;
  readonly slowest: number;
  readonly median: number;
  /** For a lock that somebody else held. */
  readonly longestWait: number;
}

/** What the writer did. */
export interface Written {
  /** The last round and number of each file. */
  readonly last: readonly (readonly [round: number, number: number])[];
  readonly phases: Readonly<Record<string, Phase>>;
}

/** A process that updates Whisper files by Graphite's own library, with its locks, as fast as it can. */
export interface Writer {
  /** Counts updates to another phase from now on. */
  enter(phase: string): void;
  /** Ends it. */
  end(): Promise<Written>;
  /** Ends it at once, whatever it is doing; nothing if it has ended. */
  kill(): void;
}

/** Starts it when all its files are there: `live/m0.wsp` and so on below the directory. */
export async function startWriter(
  directory: string,
  options: { readonly files: number; readonly base: number; readonly numbers: number },
): Promise<Writer> {
  const script = fileURLToPath(new URL('writer.py', import.meta.url));
  const args = ['-B', script, directory, ...[options.files, options.base, options.numbers].map(String)];
  const child = spawn('/usr/bin/python3', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  // A writer that failed does not read on; what it said then is told below.
  child.stdin.on('error', () => {});
  let failure = '';
  child.stderr.on('data', (chunk) => {
    failure += String(chunk);
  });
  const exited = once(child, 'close');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const { value: first } = await lines.next();
  if (first !== 'writing') throw new Error(`The writer did not start: ${failure}`);
  return {
    enter: (phase) => void child.stdin.write(`${phase}\n`),
    async end() {
      child.stdin.end();
      const { value: last } = await lines.next();
      await exited;
      if (last === undefined) throw new Error(`The writer failed: ${failure}`);
      return JSON.parse(last);
    },
    kill: () => void child.kill('SIGKILL'),
  };
}
