import { fstatSync } from 'node:fs';
import { codeOf, reasonOf, WhisperBackupError } from '../../../lib/common/errors.ts';
import { writeAll } from './write-all.ts';

/** Standard output: results and nothing else. It waits for a slow reader, and notices when the reader is gone. */
export interface Output {
  readonly isTerminal: boolean;
  /** In characters. */
  readonly width: number;
  /** Whether nothing can be written any more; what is written from then on is dropped. */
  readonly closed: boolean;
  /** Why the results could not be written. A reader that had enough (`| head`) is not a failure. */
  readonly failure: OutputError | undefined;
  write(text: string): Promise<void>;
}

/** The results could not be written: the device is full, or the descriptor is closed. */
export class OutputError extends WhisperBackupError {
  constructor(cause: unknown) {
    super('OUTPUT', `Cannot write to standard output: ${reasonOf(cause)}: the results are not complete`, { cause });
  }
}

export function standardOutput(stream: typeof process.stdout = process.stdout): Output {
  let closed = false;
  let failure: OutputError | undefined;
  let wake: (() => void) | undefined;
  const fail = (error: unknown): void => {
    closed = true;
    if (codeOf(error) !== 'EPIPE') failure ??= new OutputError(error);
    wake?.();
  };
  stream.on('error', fail);
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
    get failure() {
      return failure;
    },
    write(text) {
      if (closed) return Promise.resolve();
      return new Promise((resolve) => {
        wake = resolve;
        try {
          if (isPlain(stream)) {
            writeAll(stream.fd, text);
            resolve();
          } else {
            stream.write(text, () => resolve());
          }
        } catch (error) {
          fail(error);
        }
      });
    },
  };
}

/** Files and devices such as /dev/full. Node's own stream for these drops the rest of what a full disk took in part. */
function isPlain(stream: typeof process.stdout): boolean {
  if (stream.isTTY === true) return false;
  const kind = fstatSync(stream.fd);
  return kind.isFile() || kind.isCharacterDevice();
}
