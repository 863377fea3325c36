import { existsSync, readFileSync } from 'node:fs';

/** Returns the version from the nearest package.json above this file, which is also bundled into dist/. */
export function version(): string {
  for (let directory = new URL('.', import.meta.url); ; directory = new URL('..', directory)) {
    const path = new URL('package.json', directory);
    if (existsSync(path)) return String(JSON.parse(readFileSync(path, 'utf8')).version);
    if (directory.pathname === '/') throw new Error(`No package.json above ${import.meta.url}`);
  }
}
