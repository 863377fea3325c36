// A worker thread of Node before 22.18 does not read TypeScript by itself; Deno and newer Node do.
if (!globalThis.Deno && !process.features.typescript) {
  const { register } = await import('tsx/esm/api');
  register({ tsconfig: false });
}
const tasks = await import('./tasks.ts');
export const snapshot = tasks.snapshot;
export const publish = tasks.publish;
export const storeFiles = tasks.storeFiles;
export const bringBack = tasks.bringBack;
export const check = tasks.check;
export const fingerprint = tasks.fingerprint;
export const likeness = tasks.likeness;
