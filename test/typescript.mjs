// Reads TypeScript in the processes and threads of tests on Node: `node --import ./test/typescript.mjs FILE`. It stands in
// for tsx, which every process and every thread would spend 0.2 s on. Node that reads TypeScript itself is left alone.
import { register } from 'node:module';

if (!process.features.typescript) {
  // What starts threads asks this, and would register tsx in each.
  process.features.typescript = 'transform';
  process.setSourceMapsEnabled(true);
  register('./typescript-hooks.mjs', import.meta.url);
}
