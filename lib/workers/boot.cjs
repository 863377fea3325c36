/*
 * The entry of a Piscina thread. CommonJS, because Piscina loads it with require(), and Node 20 aborts the process
 * ("v8::Module::IsGraphAsync must be used on an instantiated module") if a thread is terminated while it require()s an
 * ES module.
 */
const { workerData } = require('node:worker_threads');

async function load(entry) {
  // Node before 22.18 does not read TypeScript by itself; Deno and newer Node do.
  if (entry.endsWith('.ts') && !globalThis.Deno && !process.features.typescript) {
    const { register } = await import('tsx/esm/api');
    register({ tsconfig: false });
  }
  return import(entry);
}

const worker = load(workerData.entry);
// Each task reports the error. Without this, a thread without tasks would end the process with an unhandled rejection.
worker.catch(() => {});

module.exports = async (task) => (await worker).run(task);
