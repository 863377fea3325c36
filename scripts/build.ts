import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { bundle } from './release/bundle.ts';

/*
 * Makes dist/, the form that starts quickly. `npm ci` runs it; without it, or when a source is newer, the launcher reads
 * the TypeScript, which costs every worker thread 0.3 s.
 */

const root = fileURLToPath(new URL('..', import.meta.url));

/** Another directory may be named, to leave dist/ alone. */
const outdir = resolve(root, process.argv[2] ?? 'dist');

// What an earlier build made; dist/release, which `make dist` makes, stays.
for (const name of await readdir(outdir).catch(() => [])) if (name.endsWith('.mjs')) await rm(join(outdir, name));
await bundle(root, outdir);
