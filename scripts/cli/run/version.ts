import { existsSync, readFileSync } from 'node:fs';

/** The version of this program, from the nearest package.json above: this file is bundled into dist/, too. */
export function version(): string {
  for (let directory = new URL('.', import.meta.url); ; directory = new URL('..', directory)) {
    const path = new URL('package.json', directory);
    if (existsSync(path)) return String(JSON.parse(readFileSync(path, 'utf8')).version);
    if (directory.pathname === '/') throw new Error(`No package.json above ${import.meta.url}`);
  }
}
