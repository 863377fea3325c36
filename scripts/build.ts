import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/*
 * Makes dist/, the form that starts quickly: TypeScript and small libraries in a few files of JavaScript. `npm ci` runs
 * it; without it, or when a source is newer, the launcher reads the TypeScript, which costs every worker thread 0.3 s.
 */

const root = fileURLToPath(new URL('..', import.meta.url));

/** Another directory may be named, to leave dist/ alone. */
const outdir = resolve(root, process.argv[2] ?? 'dist');

await rm(outdir, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: {
    main: 'scripts/main.ts',
    // What threads start with.
    tasks: 'lib/workers/tasks.ts',
    walkthread: 'lib/tree/walkthread.ts',
    listthread: 'lib/store/disk/listthread.ts',
  },
  outdir,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Native code, and what loads files of its own by name.
  external: ['koffi', 'piscina', 'c12', 'zx'],
  // Some libraries are CommonJS and ask for `require`.
  banner: {
    js: "import { createRequire as $makeRequire } from 'node:module'; const require = $makeRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
