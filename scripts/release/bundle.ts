import { copyFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

/**
 * Entries by what shares files with each other. A thread shares no module with anybody, so it is given few files of its
 * own: each one costs it half a millisecond.
 */
const ENTRIES: readonly Readonly<Record<string, string>>[] = [
  // What the launcher of a release starts, and the launcher of a checkout.
  { 'whisper-backup': 'scripts/whisper-backup.ts', main: 'scripts/cli/main.ts' },
  { worker: 'lib/workers/worker.ts' },
  { 'walk-thread': 'lib/tree/walk-thread.ts' },
  { 'list-thread': 'lib/store/drivers/disk/list-thread.ts' },
];

/** Has to stay CommonJS. */
const COPIED = 'lib/workers/boot.cjs';

/**
 * Makes the form that starts quickly: TypeScript and small libraries in a few files of JavaScript. Its bytes depend on
 * the sources and on node_modules alone, not on where they lie.
 *
 * @param root directory of package.json.
 * @param outdir where the files go.
 */
export async function bundle(root: string, outdir: string): Promise<void> {
  for (const entryPoints of ENTRIES) await bundleApart(root, outdir, entryPoints);
  await copyFile(join(root, COPIED), join(outdir, basename(COPIED)));
}

async function bundleApart(root: string, outdir: string, entryPoints: Readonly<Record<string, string>>): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints,
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
}
