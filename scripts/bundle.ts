import { build } from 'esbuild';

/**
 * Makes the form that starts quickly: TypeScript and small libraries in a few files of JavaScript. Its bytes depend on
 * the sources and on node_modules alone, not on where they lie.
 *
 * @param root directory of package.json.
 * @param outdir where the files go.
 */
export async function bundle(root: string, outdir: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: {
      // What the launcher of a release starts, and the launcher of a checkout.
      'whisper-backup': 'scripts/whisper-backup.ts',
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
}
