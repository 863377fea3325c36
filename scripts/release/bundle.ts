import { copyFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

/** Entry points, grouped by shared files. A thread shares no modules, and each file costs it half a millisecond to load. */
const ENTRIES: readonly Readonly<Record<string, string>>[] = [
  // Started by the launchers of a release and of a checkout.
  { 'whisper-backup': 'scripts/whisper-backup.ts', main: 'scripts/cli/main.ts' },
  { worker: 'lib/workers/worker.ts' },
  { 'walk-thread': 'lib/tree/walk-thread.ts' },
  { 'list-thread': 'lib/store/drivers/disk/list-thread.ts' },
];

/** Must stay CommonJS. */
const COPIED = 'lib/workers/boot.cjs';

/**
 * Bundles TypeScript and small libraries into a few JavaScript files, which start fast. The output depends only on the
 * sources and node_modules, not on their path.
 *
 * @param root directory of package.json.
 * @param outdir output directory.
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
    // Native code, and packages that load their own files by name.
    external: ['koffi', 'piscina', 'c12'],
    // On Deno the other build of zx/core would load this file by name.
    alias: { 'zx/core': './node_modules/zx/build/core.cjs' },
    // Some libraries are CommonJS and need `require`.
    banner: {
      js: "import { createRequire as $makeRequire } from 'node:module'; const require = $makeRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
}
