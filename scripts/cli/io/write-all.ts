import { writeSync } from 'node:fs';
import { codeOf } from '../../../lib/common/errors.ts';

/** How long the reader of a pipe that does not block has to make room, in milliseconds. */
const PATIENCE_MS = 200;
const POLL_MS = 10;

/** Writes a text whole: one call may take only a part of it, on a disk that is nearly full. */
export function writeAll(descriptor: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  let waitedMs = 0;
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(descriptor, bytes, done);
    } catch (error) {
      if (codeOf(error) !== 'EAGAIN' || waitedMs >= PATIENCE_MS) throw error;
      waitedMs += POLL_MS;
      Atomics.wait(NEVER_WOKEN, 0, 0, POLL_MS);
    }
  }
}

const NEVER_WOKEN = new Int32Array(new SharedArrayBuffer(4));
