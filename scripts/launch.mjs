// Starts the command line: as built in dist/, unless a source is newer; else the TypeScript, through tsx where
// Node does not run it by itself without a word.
import { existsSync, readdirSync, statSync } from 'node:fs';

// Warnings of the runtime and of libraries are not about the user's data; NODE_OPTIONS=--trace-warnings shows them.
if (
  !process.execArgv
    .concat(process.env.NODE_OPTIONS ?? '')
    .join(' ')
    .includes('--trace')
) {
  process.removeAllListeners('warning');
}

const built = new URL('../dist/main.mjs', import.meta.url);
if (isFresh()) {
  const { main } = await import(built);
  process.exit(await main(process.argv.slice(2)));
} else {
  if (!stripsTypes() || import.meta.url.includes('/node_modules/')) {
    // tsx keeps what it compiled in a directory of /tmp with a known name, where another user may have been first.
    process.env.TSX_DISABLE_CACHE = '1';
    const { register } = await import('tsx/esm/api');
    // Without this a tsconfig.json of the working directory could redirect imports.
    register({ tsconfig: false });
  }
  await import('./whisper-backup.ts');
}

// A release has no sources; a checkout whose sources were edited must not run what they were before.
function isFresh() {
  const made = statSync(built, { throwIfNoEntry: false })?.mtimeMs;
  if (made === undefined) return false;
  return ['../lib/', '../scripts/', '../config/', '../package.json'].every((name) => {
    const url = new URL(name, import.meta.url);
    if (!existsSync(url)) return true;
    const files = name.endsWith('/') ? readdirSync(url, { recursive: true }).map((file) => new URL(file, url)) : [url];
    return files.every((file) => (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) <= made);
  });
}

function stripsTypes() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const quietly = (major === 22 && minor >= 18) || (major === 24 && minor >= 3) || major > 24;
  return process.features.typescript && quietly;
}
