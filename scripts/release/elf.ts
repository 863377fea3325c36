import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture } from './architecture.ts';
import { filesBelow } from './files.ts';

/** `e_machine` in the ELF header, see elf(5): EM_X86_64 and EM_AARCH64. */
const MACHINES: Readonly<Record<Architecture, number>> = { x64: 62, arm64: 183 };

/**
 * Checks all native files of a release.
 *
 * @returns their names.
 * @throws Error if a file is for another processor or not for Linux.
 */
export async function checkNativeFiles(release: string, architecture: Architecture): Promise<readonly string[]> {
  const native: string[] = [];
  for (const name of await filesBelow(release)) {
    const machine = await machineOf(join(release, name));
    if (machine === undefined) {
      if (name.endsWith('.node')) throw new Error(`Cannot make a release for Linux: ${name} is not in the ELF format`);
      continue;
    }
    if (machine !== MACHINES[architecture])
      throw new Error(`Cannot make a release for ${architecture}: ${name} is for ELF machine ${machine}`);
    native.push(name);
  }
  return native;
}

/** Returns undefined if the file is not in ELF format. */
async function machineOf(path: string): Promise<number | undefined> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(20), 0, 20, 0);
  if (bytesRead < 20 || buffer.toString('latin1', 0, 4) !== '\x7fELF') return undefined;
  return buffer.readUInt16LE(18);
}
