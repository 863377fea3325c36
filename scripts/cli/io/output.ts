import { fstatSync } from 'node:fs';
import { codeOf, reasonOf, WhisperBackupError } from '../../../lib/common/errors.ts';
import { writeAll } from './write-all.ts';

/** Standard output, for results only. Waits for a slow reader, and detects that the reader has exited. */
export interface Output {
  readonly isTerminal: boolean;
  /** Width in characters. */
  readonly width: number;
  /** Whether writing is no longer possible; further text is dropped. */
  readonly closed: boolean;
  /** Why the results could not be written. A reader that exits early (`| head`) is not a failure. */
  readonly failure: OutputError | undefined;
  write(text: string): Promise<void>;
}

/** The results could not be written, for example because the device is full or the descriptor is closed. */
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

/** Files and devices such as /dev/full. On a full disk Node's own stream drops the rest of a partial write. */
function isPlain(stream: typeof process.stdout): boolean {
  if (stream.isTTY === true) return false;
  const kind = fstatSync(stream.fd);
  return kind.isFile() || kind.isCharacterDevice();
}
