import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';

/** A new name beside a path, short and of no metric. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.wb-${randomUUID().replaceAll('-', '').slice(0, 12)}.tmp`);
}
