import { constants } from 'node:os';

/** The name of an error number of the operating system, e.g. `ENOSPC` for 28; undefined when it has none. */
export function errnoName(errno: number): string | undefined {
  return Object.entries(constants.errno).find(([, value]) => value === errno)?.[0];
}
