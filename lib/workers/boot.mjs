// A worker thread of Node before 22.18 does not read TypeScript by itself; Deno and newer Node do.
if (import.meta.url.endsWith('/boot.mjs') && !globalThis.Deno && !process.features.typescript) {
  const { register } = await import('tsx/esm/api');
  register();
}
const tasks = await import('./tasks.ts');
export const snapshot = tasks.snapshot;
export const publish = tasks.publish;
