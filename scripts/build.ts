import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/*
 * Makes dist/, the form that starts quickly: TypeScript and small libraries in a few files of JavaScript. `npm ci` runs
 * it; without it, or when a source is newer, the launcher reads the TypeScript, which costs every worker thread 0.3 s.
 */

const root = fileURLToPath(new URL('..', import.meta.url));

await rm(`${root}dist`, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: {
    main: 'scripts/main.ts',
    // What threads start with.
    tasks: 'lib/workers/tasks.ts',
    walkthread: 'lib/tree/walkthread.ts',
    listthread: 'lib/store/disk/listthread.ts',
  },
  outdir: 'dist',
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
