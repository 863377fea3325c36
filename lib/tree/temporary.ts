import { dirname, join } from 'node:path';

/** A new name beside a path, short and of no metric. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.wb-${crypto.randomUUID().replaceAll('-', '').slice(0, 12)}.tmp`);
}

/** Whether the last name of a path is one that {@link temporaryBeside} gives. */
export function isTemporary(name: string): boolean {
  return /^\.wb-[0-9a-f]{12}\.tmp$/.test(name);
}
