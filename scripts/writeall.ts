import { writeSync } from 'node:fs';

/** Writes a text whole: one call may take only a part of it, on a disk that is nearly full. */
export function writeAll(descriptor: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
}
