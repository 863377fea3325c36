import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { filesBelow } from './files.ts';

/** Writes SHA256SUMS for all files of a release, for `sha256sum --check SHA256SUMS`. */
export async function writeSums(release: string): Promise<void> {
  const lines: string[] = [];
  for (const name of await filesBelow(release)) lines.push(sumLine(await sha256Of(join(release, name)), name));
  await writeFile(join(release, 'SHA256SUMS'), lines.join(''));
}

/** Formats a line like sha256sum(1). */
export function sumLine(sha256: string, name: string): string {
  return `${sha256}  ${name}\n`;
}

/** @returns the hash in hexadecimal. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk);
  return hash.digest('hex');
}
