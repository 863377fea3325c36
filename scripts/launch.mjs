// Starts the command line from dist/, or from the TypeScript sources if one is newer. The sources run through tsx, unless
// Node runs them itself without a warning.
import { existsSync, readdirSync, statSync } from 'node:fs';

// Warnings of Node and libraries do not concern users; NODE_OPTIONS=--trace-warnings shows them.
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
    // tsx would cache compiled code in a directory of /tmp with a known name, which another user may have created.
    process.env.TSX_DISABLE_CACHE = '1';
    const { register } = await import('tsx/esm/api');
    // Otherwise a tsconfig.json in the working directory could redirect imports.
    register({ tsconfig: false });
  }
  await import('./whisper-backup.ts');
}

// A release has no sources. A checkout with changed sources must not run the old build.
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
