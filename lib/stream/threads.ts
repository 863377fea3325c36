import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { ThreadOrder } from './thread.ts';

/** How long a thread without work is kept, in milliseconds. */
const IDLE = 1000;

/** Threads that came to the end of their task, by the file they were started with. */
const idle = new Map<string, Worker[]>();

/**
 * A thread that runs a file, and has been given a task. Ranges are often read one after another, so one that has just
 * become free serves before a new one is started.
 *
 * @param entry TypeScript as it stands, or as built by `scripts/build.ts`.
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
  });
}

/** Gives a thread back that has ended its task: it is kept for a moment, without keeping the process alive. */
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
  // Without a listener, an error would end the process.
  worker.on('error', forget);
  worker.on('exit', forget);
  setTimeout(() => {
    if (!kept.includes(worker)) return;
    forget();
    endThread(worker);
  }, IDLE).unref();
}

/** One by one: Node has listeners of its own on a worker, and cannot do without them. */
function unlisten(worker: Worker): void {
  for (const event of ['message', 'messageerror', 'error', 'exit']) worker.removeAllListeners(event);
}

/** Not waited for: a thread may hang in the file system for as long as that does. */
export function endThread(worker: Worker): void {
  worker.unref();
  void worker.terminate();
}
