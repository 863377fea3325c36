import type { Piscina } from 'piscina';
import { codeOf, reasonOf, WhisperBackupError } from '../common/errors.ts';
import type { RunOptions } from '../common/options.ts';
import { UnderWay } from '../common/under-way.ts';
import { type StoreSpec, shareOf } from '../store/spec.ts';
import type { ObjectStore } from '../store/store.ts';
import { type FlatError, revive } from '../stream/flat-error.ts';
import { MORE_FILES, spareFiles, withFilesRemedy } from '../system/open-files.ts';
import type { TaskContext } from './context.ts';
import { SharedFailure } from './shared-failure.ts';
import type { ResultOf, TaskName, TaskOf, tasks } from './work.ts';
import type { NamedTask, ThreadData, ThreadWarning } from './worker.ts';

/** What a thread runs, as TypeScript or as built by `scripts/build.ts`. */
const ENTRY = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.mjs';

/** How much is done at once. */
export interface LoadOptions {
  /** Worker threads; 0: everything is done in the calling thread. @default 4 */
  readonly processes?: number;
  /** Bytes of file and backup held in memory at once. @default 268435456 */
  readonly bytesInFlight?: number;
  /**
   * The same store as plain data, so that each worker thread can build its own: bodies go straight between a thread and
   * the store. Threads do not ask `now`. @default what needs the store is done in the calling thread
   */
  readonly threadStore?: StoreSpec;
}

export interface WorkerPoolOptions
  extends Pick<RunOptions, 'report' | 'signal' | 'now'>,
    Pick<LoadOptions, 'threadStore'> {
  /** Worker threads; 0: every task is done in the calling thread, which starts sooner and uses one processor. */
  readonly processes: number;
}

type PoolOptions = WorkerPoolOptions & { readonly store: ObjectStore | undefined };

/** Worker threads that read, hash and compress, or decompress, check and write; and talk to the store. */
export class WorkerPool {
  /** Tasks to be handed in at once. It depends on how many files may be opened now. */
  readonly concurrency: number;
  readonly #options: PoolOptions;
  readonly #threadCount: number;
  readonly #stopFlag = new Int32Array(new SharedArrayBuffer(4));
  readonly #stop = () => Atomics.store(this.#stopFlag, 0, 1);
  /** Begun with the first task, or by `start`: in a run that finds nothing changed there is none. */
  #threads: Promise<Threads> | undefined;
  /** For a pool without threads. */
  #here: Promise<Here> | undefined;
  readonly #underWay = new UnderWay();

  /** @param store for `storeFiles` and `restoreFiles`; without `threadStore` the pool has no threads then. */
  constructor(options: WorkerPoolOptions, store?: ObjectStore) {
    this.#options = { ...options, store };
    this.#threadCount = store && !options.threadStore ? 0 : options.processes;
    this.concurrency = Math.max(1, affordableThreads(this.#threadCount)) * TASKS_PER_THREAD;
    options.signal?.addEventListener('abort', this.#stop);
    if (options.signal?.aborted) this.#stop();
  }

  /**
   * Starts threads ahead of the first tasks: that takes them a tenth of a second.
   *
   * @param tasks how many are sure to come. Without it, one for each thread.
   */
  start(tasks = this.#threadCount): void {
    const threads = Math.min(this.#threadCount, tasks);
    // The first task reports what goes wrong.
    if (threads > 0) this.#started(threads).catch(() => {});
  }

  /**
   * Does a task, in a thread or here.
   *
   * @param handOver bytes in it that the caller no longer uses: they need not be copied.
   * @throws WhisperBackupError `THREAD_FAILED`; what the task throws.
   */
  run<N extends TaskName>(name: N, task: TaskOf<N>, handOver: readonly Uint8Array[] = []): Promise<ResultOf<N>> {
    return this.#underWay.track(this.#begin(name, task, handOver));
  }

  /** Waits for what is under way, then ends the threads. */
  async close(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#stop);
    // Piscina itself waits for one thread only, and then ends the others at whatever they do.
    await this.#underWay.settle();
    await (await this.#threads?.catch(() => undefined))?.piscina.close();
    await (await this.#here)?.context.close();
  }

  async #begin<N extends TaskName>(name: N, task: TaskOf<N>, handOver: readonly Uint8Array[]): Promise<ResultOf<N>> {
    if (this.#threadCount > 0) {
      const { piscina, failure } = await this.#started();
      const named: NamedTask<N> = { name, task };
      const result: Promise<ResultOf<N>> = piscina.run(named, { transferList: handOver.flatMap(ownBuffer) });
      return failure.guard(result).catch((error: Error | FlatError) => {
        if (!(error instanceof Error)) throw revive(error);
        throw codeOf(error) === 'ERR_WORKER_INIT_FAILED' ? threadsFailed(error) : error;
      });
    }
    this.#here ??= loadTasks(this.#options, this.#stopFlag);
    const { tasks, context } = await this.#here;
    return tasks[name](task, context);
  }

  /** @param atOnce how many threads are started now; the others are when there is work for them. */
  #started(atOnce = 1): Promise<Threads> {
    this.#threads ??= startThreads(this.#threadCount, this.#options, this.#stopFlag, atOnce);
    return this.#threads;
  }
}

interface Here {
  readonly tasks: typeof tasks;
  readonly context: TaskContext;
}

/** Loads the tasks into the calling thread, which needs them only if there are no others: they take time to load. */
async function loadTasks({ store, now }: PoolOptions, stopFlag: Int32Array): Promise<Here> {
  const [{ tasks }, { TaskContext }] = await Promise.all([import('./work.ts'), import('./context.ts')]);
  return { tasks, context: new TaskContext({ stopFlag, ...(store && { store }), ...(now && { now }) }) };
}

interface Threads {
  readonly piscina: Piscina;
  /** Fails when no thread is left, and none can be started. */
  readonly failure: SharedFailure;
}

async function startThreads(
  asked: number,
  { report, store, threadStore }: PoolOptions,
  stopFlag: Int32Array,
  atOnce: number,
): Promise<Threads> {
  const { Piscina } = await import('piscina');
  const threads = affordableThreads(asked);
  const onWarning = (warning: string) => report.log('warn', warning);
  if (threads < asked)
    onWarning(`Using ${threads} of ${asked} worker threads: this process may open too few files: ${MORE_FILES}`);
  const entry = new URL(ENTRY, import.meta.url).href;
  const data: ThreadData = { entry, stopFlag, ...(store && threadStore && { store: shareOf(threadStore, threads) }) };
  const piscina = new Piscina({
    filename: new URL('./boot.cjs', import.meta.url).href,
    minThreads: Math.min(atOnce, threads),
    maxThreads: threads,
    // By default a thread that is idle for a moment ends, and the next file starts another.
    idleTimeout: 60_000,
    // While one file of a thread is on its way to the store, the next is compressed. Such a thread must not sleep in
    // Atomics.wait() between two tasks: its sockets would not be seen to.
    ...(store && { concurrentTasksPerWorker: TASKS_PER_THREAD, atomics: 'disabled' }),
    workerData: data,
  });
  piscina.on('message', ({ warning }: ThreadWarning) => onWarning(warning));
  const failure = new SharedFailure();
  // Of a thread that had no task: one that could not be started.
  piscina.on('error', (error) => {
    if (piscina.threads.length === 0) failure.fail(threadsFailed(error));
  });
  return { piscina, failure };
}

/** Batches of one thread under way at once: while the last bodies of one are on their way, the next is begun. */
const TASKS_PER_THREAD = 2;

/** What one thread has open at most: its event loop, and for each file under way that file, its directory and its copy. */
const FILES_PER_THREAD = 6 + TASKS_PER_THREAD * 4 * 3;

/** What else a run opens besides: the threads that list, the lock, the log, sockets. */
const OTHER_FILES = 16;

/** As many threads as the process may open files for; one at least. */
function affordableThreads(asked: number): number {
  const spare = spareFiles();
  if (spare === undefined) return asked;
  return Math.min(asked, Math.max(1, Math.floor((spare - OTHER_FILES) / FILES_PER_THREAD)));
}

function threadsFailed(cause: unknown): WhisperBackupError {
  const message = withFilesRemedy(`The worker threads failed: ${reasonOf(cause)}`);
  return new WhisperBackupError('THREAD_FAILED', message, { cause });
}

/** A view of a shared pool must be copied; a buffer of its own can be handed over. */
function ownBuffer({ buffer, byteLength }: Uint8Array): ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}
