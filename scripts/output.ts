import { codeOf } from '../lib/errors.ts';

/** Standard output: results and nothing else. It waits for a slow reader, and learns when the reader is gone. */
export interface Output {
  readonly isTerminal: boolean;
  /** In characters. */
  readonly width: number;
  /** Whether the reader went away (`| head`); what is written from then on is dropped. */
  readonly closed: boolean;
  write(text: string): Promise<void>;
}

export function standardOutput(stream: NodeJS.WriteStream = process.stdout): Output {
  let closed = false;
  let wake: (() => void) | undefined;
  stream.on('error', (error) => {
    if (codeOf(error) !== 'EPIPE') process.stderr.write(`whisper-backup: cannot write the output: ${error.message}\n`);
    closed = true;
    wake?.();
  });
  return {
    get isTerminal() {
      return stream.isTTY === true;
    },
    get width() {
      return stream.columns ?? 80;
    },
    get closed() {
      return closed;
    },
    write(text) {
      if (closed) return Promise.resolve();
      return new Promise((resolve) => {
        wake = resolve;
        stream.write(text, () => resolve());
      });
    },
  };
}
