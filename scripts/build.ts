import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { bundle } from './release/bundle.ts';

/*
 * Builds dist/, which starts fast. Runs in `npm ci`. Without dist/, or if a source is newer, the launcher runs the
 * TypeScript sources, which costs each worker thread 0.3 s.
 */

const root = fileURLToPath(new URL('..', import.meta.url));

/** The optional argument is another output directory. */
const outdir = resolve(root, process.argv[2] ?? 'dist');

// Removes the previous build, but not dist/release of `make dist`.
for (const name of await readdir(outdir).catch(() => [])) if (name.endsWith('.mjs')) await rm(join(outdir, name));
await bundle(root, outdir);
