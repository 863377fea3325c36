import type { Piscina } from 'piscina';
import { codeOf, reasonOf, WhisperBackupError } from '../common/errors.ts';
import type { RunOptions } from '../common/options.ts';
import { PendingCalls } from '../common/pending-calls.ts';
import { type StoreSpec, shareOf } from '../store/spec.ts';
import type { ObjectStore } from '../store/store.ts';
import { type FlatError, revive } from '../stream/flat-error.ts';
import { THREAD_LIMITS } from '../stream/threads.ts';
import { OPEN_FILES_REMEDY, spareFiles, withFilesRemedy } from '../system/open-files.ts';
import type { TaskContext } from './context.ts';
import { disclose, type Envelope, enclose } from './envelope.ts';
import { SharedFailure } from './shared-failure.ts';
import type { ResultOf, TaskName, TaskOf, tasks } from './work.ts';
import type { NamedTask, ThreadData, ThreadWarning } from './worker.ts';

const ENTRY = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.mjs';

export interface LoadOptions {
  /** Number of worker threads; 0 uses the calling thread. @default 4 */
  readonly processes?: number;
  /** Maximum bytes of files and backups in memory. @default 268435456 */
  readonly bytesInFlight?: number;
  /**
   * The same store as plain data, so that each thread can create its own and bodies need not pass through the calling
   * thread. Threads use the system clock, not `now`. @default tasks that need the store run in the calling thread
   */
  readonly threadStore?: StoreSpec;
}

export interface WorkerPoolOptions
  extends Pick<RunOptions, 'report' | 'signal' | 'now'>,
    Pick<LoadOptions, 'threadStore'> {
  /** Number of worker threads; 0 runs every task in the calling thread, which starts sooner but uses one processor. */
  readonly processes: number;
}

type PoolOptions = WorkerPoolOptions & { readonly store: ObjectStore | undefined };

export class WorkerPool {
  /** How many tasks to run at once. Limited by the number of files that the process may open. */
  readonly concurrency: number;
  readonly #options: PoolOptions;
  readonly #threadCount: number;
  readonly #stopFlag = new Int32Array(new SharedArrayBuffer(4));
  readonly #stop = () => Atomics.store(this.#stopFlag, 0, 1);
  /** Started by the first task or by `start`: a run without changes needs no threads. */
  #threads: Promise<Threads> | undefined;
  /** Piscina lets the process end while its threads start: even with tasks that wait for them. */
  #alive: ReturnType<typeof setInterval> | undefined;
  /** Only in a pool without threads. */
  #local: Promise<LocalTasks> | undefined;
  readonly #pending = new PendingCalls();

  /** @param store for `storeFiles` and `restoreFiles`; with it, but without `threadStore`, the pool has no threads. */
  constructor(options: WorkerPoolOptions, store?: ObjectStore) {
    this.#options = { ...options, store };
    this.#threadCount = store && !options.threadStore ? 0 : options.processes;
    this.concurrency = Math.max(1, affordableThreads(this.#threadCount)) * TASKS_PER_THREAD;
    options.signal?.addEventListener('abort', this.#stop);
    if (options.signal?.aborted) this.#stop();
  }

  /**
   * Starts threads before the first task, because a thread takes 0.1 s to start.
   *
   * @param tasks how many tasks are certain to follow. @default one for each thread
   */
  start(tasks = this.#threadCount): void {
    const threads = Math.min(this.#threadCount, tasks);
    // The first task reports the error.
    if (threads > 0) this.#ensureThreads(threads).catch(() => {});
  }

  /**
   * Runs a task in a thread, or in this one if the pool has no threads.
   *
   * @param transfer bytes of the task that are moved to the thread instead of copied.
   * @throws WhisperBackupError `THREAD_FAILED`
   * @throws Error of the task.
   */
  run<N extends TaskName>(name: N, task: TaskOf<N>, transfer: readonly Uint8Array[] = []): Promise<ResultOf<N>> {
    return this.#pending.track(this.#runNow(name, task, transfer));
  }

  /** Waits for all running tasks, then ends the threads. */
  async close(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#stop);
    // Piscina waits for only one thread, and terminates the others while they work.
    await this.#pending.waitForAll();
    await (await this.#threads?.catch(() => undefined))?.piscina.close();
    clearInterval(this.#alive);
    await (await this.#local)?.context.close();
  }

  async #runNow<N extends TaskName>(name: N, task: TaskOf<N>, transfer: readonly Uint8Array[]): Promise<ResultOf<N>> {
    if (this.#threadCount > 0) {
      const { piscina, failure } = await this.#ensureThreads();
      const message: Envelope<NamedTask<N>> = enclose({ name, task });
      const result: Promise<Envelope<ResultOf<N>>> = piscina.run(message, {
        transferList: transfer.flatMap(ownBuffer),
      });
      const answer = await failure.guard(result).catch((error: Error | FlatError) => {
        if (!(error instanceof Error)) throw revive(error);
        throw codeOf(error) === 'ERR_WORKER_INIT_FAILED' ? threadsFailed(error) : error;
      });
      return disclose(answer);
    }
    this.#local ??= loadTasks(this.#options, this.#stopFlag);
    const { tasks, context } = await this.#local;
    return tasks[name](task, context);
  }

  /** @param initial how many threads to start now; the others start when there is work for them. */
  #ensureThreads(initial = 1): Promise<Threads> {
    this.#alive ??= setInterval(() => {}, 60_000);
    this.#threads ??= startThreads(this.#threadCount, this.#options, this.#stopFlag, initial);
    return this.#threads;
  }
}

interface LocalTasks {
  readonly tasks: typeof tasks;
  readonly context: TaskContext;
}

/** Loads the tasks into the calling thread: only if it has no worker threads, because they take time to load. */
async function loadTasks({ store, now }: PoolOptions, stopFlag: Int32Array): Promise<LocalTasks> {
  const [{ tasks }, { TaskContext }] = await Promise.all([import('./work.ts'), import('./context.ts')]);
  return { tasks, context: new TaskContext({ stopFlag, ...(store && { store }), ...(now && { now }) }) };
}

interface Threads {
  readonly piscina: Piscina;
  /** Fails when all threads have died and no new one can start. */
  readonly failure: SharedFailure;
}

async function startThreads(
  requested: number,
  { report, store, threadStore }: PoolOptions,
  stopFlag: Int32Array,
  initial: number,
): Promise<Threads> {
  const { Piscina } = await import('piscina');
  const threads = affordableThreads(requested);
  const onWarning = (warning: string) => report.log('warn', warning);
  if (threads < requested)
    onWarning(
      `Using ${threads} of ${requested} worker threads, because this process may open too few files: ${OPEN_FILES_REMEDY}`,
    );
  const entry = new URL(ENTRY, import.meta.url).href;
  const data: ThreadData = { entry, stopFlag, ...(store && threadStore && { store: shareOf(threadStore, threads) }) };
  const piscina = new Piscina({
    filename: new URL('./boot.cjs', import.meta.url).href,
    minThreads: Math.min(initial, threads),
    maxThreads: threads,
    // By default an idle thread ends at once, and the next file starts a new one.
    idleTimeout: 60_000,
    // A thread compresses the next file while it uploads one. It must not block in Atomics.wait() between tasks,
    // because that would stop its uploads.
    ...(store && { concurrentTasksPerWorker: TASKS_PER_THREAD, atomics: 'disabled' }),
    workerData: data,
    resourceLimits: THREAD_LIMITS,
  });
  piscina.on('message', ({ warning }: ThreadWarning) => onWarning(warning));
  const failure = new SharedFailure();
  // Only threads without a task report errors here: those that could not start. The error of a thread with tasks is theirs.
  let reason: unknown = new Error('all threads ended');
  piscina.on('error', (error) => {
    reason = error;
  });
  // Tasks that still wait for a thread would wait for ever.
  piscina.on('workerDestroy', () =>
    setImmediate(() => {
      if (piscina.threads.length === 0) failure.fail(threadsFailed(reason));
    }),
  );
  return { piscina, failure };
}

/** A thread starts the next batch while the last bodies of one are transferred. */
const TASKS_PER_THREAD = 2;

/**
 * The maximum per thread: its event loop, and for each of 4 files in each batch the file, its directory and its copy.
 * Of the others that are under way a thread has no file open, unless it waits for their locks.
 */
const FILES_PER_THREAD = 6 + TASKS_PER_THREAD * 4 * 3;

/** Open files of the rest of a run: listing threads, locks, the log, sockets. */
const OTHER_FILES = 16;

/** Reduces the number of threads to what the limit of open files allows; at least 1. */
function affordableThreads(requested: number): number {
  const spare = spareFiles();
  if (spare === undefined) return requested;
  return Math.min(requested, Math.max(1, Math.floor((spare - OTHER_FILES) / FILES_PER_THREAD)));
}

function threadsFailed(cause: unknown): WhisperBackupError {
  const message = withFilesRemedy(`The worker threads failed: ${reasonOf(cause)}`);
  return new WhisperBackupError('THREAD_FAILED', message, { cause });
}

/** Returns the buffer if the bytes fill it; a part of a shared buffer must be copied. */
function ownBuffer({ buffer, byteLength }: Uint8Array): ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}
