import { writeSync } from 'node:fs';
import { codeOf } from '../../../lib/common/errors.ts';

/** How long to wait for the reader of a non-blocking pipe, in milliseconds. */
const PATIENCE_MS = 200;
const POLL_MS = 10;

/** Writes the whole text. A single write may be partial, for example on an almost full disk. */
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
