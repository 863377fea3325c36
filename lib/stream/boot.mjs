import { workerData } from 'node:worker_threads';

// A worker thread of Node before 22.18 does not read TypeScript by itself; Deno and newer Node do.
if (!globalThis.Deno && !process.features.typescript) {
  const { register } = await import('tsx/esm/api');
  register({ tsconfig: false });
}
await import(workerData.entry);
