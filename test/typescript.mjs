// Reads TypeScript in the processes and threads of tests on Node: `node --import ./test/typescript.mjs FILE`. It stands
// in for tsx, which costs each of them 0.2 s. A Node that reads TypeScript itself is left alone.
import { register } from 'node:module';
import { isMainThread, workerData } from 'node:worker_threads';

// With hooks, the error of a failed import is not an Error in other threads, so threads without TypeScript have no
// hooks.
const needsHooks = isMainThread || String(workerData?.entry).endsWith('.ts');
if (needsHooks && !process.features.typescript) {
  // What starts threads asks this, and would register tsx in each.
  process.features.typescript = 'transform';
  process.setSourceMapsEnabled(true);
  register('./typescript-hooks.mjs', import.meta.url);
}
