/*
 * What Piscina starts in a worker thread. Piscina loads it with require(), and Node 20 aborts the whole process
 * ("v8::Module::IsGraphAsync must be used on an instantiated module") when a thread is ended while it require()s an ES
 * module. So this is CommonJS, and imports the tasks.
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
// Each task reports the error. Unhandled, it would end the process of a thread that has no task yet.
worker.catch(() => {});

module.exports = async (task) => (await worker).run(task);
