import { type ResourceLimits, SHARE_ENV, Worker } from 'node:worker_threads';
import type { ThreadOrder } from './thread.ts';

const KEEP_IDLE_MS = 1000;

/**
 * Limits for every thread. By default V8 lets the young generation of each grow to 48 MB, most of it garbage: a restore of
 * 20,000 files with two threads took 255 MB instead of 200, and no less processor time.
 */
export const THREAD_LIMITS: ResourceLimits = { maxYoungGenerationSizeMb: 12 };

/** Threads that have finished their task, by the URL of their entry file. */
const idle = new Map<string, Worker[]>();

/**
 * Starts a task in a thread. Reuses an idle thread if there is one, because ranges are often read one after another.
 *
 * @param entry a TypeScript source or the output of `scripts/build.ts`.
 */
export function takeThread(entry: URL, order: ThreadOrder<unknown>): Worker {
  const kept = idle.get(entry.href)?.pop();
  if (kept) {
    unlisten(kept);
    kept.ref();
    kept.postMessage(order);
    return kept;
  }
  const isSource = entry.href.endsWith('.ts');
  return new Worker(isSource ? new URL('./boot.mjs', import.meta.url) : entry, {
    workerData: { entry: entry.href, order },
    env: SHARE_ENV,
    resourceLimits: THREAD_LIMITS,
  });
}

/** Keeps a thread that has finished its task for reuse, for a short time and without keeping the process alive. */
export function parkThread(entry: URL, worker: Worker): void {
  unlisten(worker);
  worker.unref();
  const kept = idle.get(entry.href) ?? [];
  idle.set(entry.href, kept);
  kept.push(worker);
  const forget = () => {
    const at = kept.indexOf(worker);
    if (at >= 0) kept.splice(at, 1);
  };
  // Without a listener, an error of the thread would end the process.
  worker.on('error', forget);
  worker.on('exit', forget);
  setTimeout(() => {
    if (!kept.includes(worker)) return;
    forget();
    endThread(worker);
  }, KEEP_IDLE_MS).unref();
}

/** Lists the events, because Node needs its own listeners on a worker. */
function unlisten(worker: Worker): void {
  for (const event of ['message', 'messageerror', 'error', 'exit']) worker.removeAllListeners(event);
}

/** Does not wait, because a thread may hang in the file system. */
export function endThread(worker: Worker): void {
  worker.unref();
  void worker.terminate();
}
