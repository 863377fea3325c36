import type { Piscina } from 'piscina';
import { codeOf, reasonOf, WhisperBackupError } from '../common/errors.ts';
import { type StoreSpec, shareOf } from '../store/spec.ts';
import { MORE_FILES, spareFiles, withFilesRemedy } from '../system/open-files.ts';
import { SharedFailure } from './shared-failure.ts';
import type { BroughtBack } from './tasks/bring-back.ts';
import type { Checked, CheckTask } from './tasks/check.ts';
import type { EncodedBackup } from './tasks/decode.ts';
import type { Fingerprint, FingerprintTask } from './tasks/fingerprint.ts';
import type { Likeness, LikenessTask } from './tasks/likeness.ts';
import type { Published, PublishTask } from './tasks/publish.ts';
import type { RecheckTask } from './tasks/recheck.ts';
import type { Snapshot, SnapshotTask } from './tasks/snapshot.ts';
import type { StoredFile } from './tasks/store-file.ts';
import type { BringBackBatch, StoreBatch, Work } from './work.ts';
import type * as tasks from './worker.ts';

/** The tasks, as TypeScript or as built by `scripts/build.ts`. */
const ENTRY = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.mjs';

/** How much is done at once. */
export interface LoadOptions {
  /** Worker threads; 0 is none, all is done in the thread that calls. @default 4 */
  readonly processes?: number;
  /** Bytes of file and backup held in memory at once. @default 268435456 */
  readonly bytesInFlight?: number;
  /**
   * The same store once more, for worker threads to build their own: bodies then go straight between them and the
   * store. They do not ask `now`. @default every body passes through the main thread
   */
  readonly threadStore?: StoreSpec;
}

export interface WorkerPoolOptions {
  /** 0 is none: every task is done in the thread that asks for it, which starts sooner and keeps one processor busy. */
  readonly threads: number;
  /** How each thread builds a store of its own, for `storeFiles` and `bringBack`. */
  readonly store?: StoreSpec;
  /** Told of what goes wrong in a thread and is tried again. */
  readonly onWarning?: (warning: string) => void;
  readonly signal?: AbortSignal;
}

/** Worker threads that read, hash and compress, or decompress, check and write; and talk to the store. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #stopFlag = new Int32Array(new SharedArrayBuffer(4));
  readonly #stop = () => Atomics.store(this.#stopFlag, 0, 1);
  /** Begun with the first task, or by `start`: in a run that finds nothing changed there is none. */
  #threads: Promise<Threads> | undefined;
  /** Without threads, who does the tasks. */
  #here: Promise<Work> | undefined;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    options.signal?.addEventListener('abort', this.#stop);
    if (options.signal?.aborted) this.#stop();
  }

  /**
   * Starts threads ahead of the first tasks: that takes them a tenth of a second.
   *
   * @param tasks how many are sure to come. Without it, one for each thread.
   */
  start(tasks = this.#options.threads): void {
    const threads = Math.min(this.#options.threads, tasks);
    // What goes wrong is told by the first task.
    if (threads > 0) this.#started(threads).catch(() => {});
  }

  snapshot(task: SnapshotTask): Promise<Snapshot> {
    return this.#run('snapshot', task, (here) => here.snapshot(task));
  }

  publish(task: PublishTask): Promise<Published> {
    return this.#run('publish', task, (here) => here.publish(task), handedOver(task.backup));
  }

  recheck(task: RecheckTask): Promise<boolean[]> {
    return this.#run('recheck', task, (here) => here.recheck(task));
  }

  check(task: CheckTask): Promise<Checked> {
    return this.#run('check', task, (here) => here.check(task), handedOver(task.backup));
  }

  fingerprint(task: FingerprintTask): Promise<Fingerprint> {
    return this.#run('fingerprint', task, (here) => here.fingerprint(task));
  }

  likeness(task: LikenessTask): Promise<Likeness> {
    return this.#run('likeness', task, (here) => here.likeness(task));
  }

  /** Only with a store. */
  storeFiles(batch: StoreBatch): Promise<StoredFile[]> {
    return this.#run('storeFiles', batch, (here) => here.storeFiles(batch));
  }

  /** Only with a store. */
  bringBack(batch: BringBackBatch): Promise<BroughtBack[]> {
    return this.#run('bringBack', batch, (here) => here.bringBack(batch));
  }

  /** Waits for what is under way, then ends the threads. */
  async close(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#stop);
    // Piscina itself waits for one thread only, and then ends the others at whatever they do.
    await Promise.allSettled(this.#underWay);
    await (await this.#threads?.catch(() => undefined))?.piscina.close();
    await (await this.#here)?.close();
  }

  #run<T>(
    name: keyof typeof tasks,
    task: unknown,
    here: (work: Work) => T | Promise<T>,
    transfer: { readonly transferList?: ArrayBuffer[] } = {},
  ): Promise<T> {
    const running = this.#begin(name, task, here, transfer).finally(() => this.#underWay.delete(running));
    this.#underWay.add(running);
    return running;
  }

  async #begin<T>(
    name: keyof typeof tasks,
    task: unknown,
    here: (work: Work) => T | Promise<T>,
    transfer: { readonly transferList?: ArrayBuffer[] },
  ): Promise<T> {
    if (this.#options.threads > 0) {
      const { piscina, failure } = await this.#started();
      const result: Promise<T> = piscina.run({ name, task }, transfer);
      return failure.guard(result).catch((error) => {
        throw codeOf(error) === 'ERR_WORKER_INIT_FAILED' ? threadsFailed(error) : error;
      });
    }
    this.#here ??= workHere(this.#options, this.#stopFlag);
    return here(await this.#here);
  }

  /** @param atOnce how many threads are started now; the others are when there is work for them. */
  #started(atOnce = 1): Promise<Threads> {
    this.#threads ??= startThreads(this.#options, this.#stopFlag, atOnce);
    return this.#threads;
  }
}

/** Loaded when it is needed: with threads, this one needs none of it. */
async function workHere({ store, onWarning }: WorkerPoolOptions, stopFlag: Int32Array): Promise<Work> {
  const { Work } = await import('./work.ts');
  return new Work({ stopFlag, ...(store && { store }), ...(onWarning && { onWarning }) });
}

interface Threads {
  readonly piscina: Piscina;
  /** Fails when no thread is left, and none can be started. */
  readonly failure: SharedFailure;
}

async function startThreads(
  { threads: asked, store, onWarning }: WorkerPoolOptions,
  stopFlag: Int32Array,
  atOnce: number,
): Promise<Threads> {
  const { Piscina } = await import('piscina');
  const threads = affordableThreads(asked);
  if (threads < asked)
    onWarning?.(`Using ${threads} of ${asked} worker threads: this process may open too few files: ${MORE_FILES}`);
  const entry = new URL(ENTRY, import.meta.url).href;
  const data: tasks.ThreadData = { entry, stopFlag, ...(store && { store: shareOf(store, threads) }) };
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
  if (onWarning) piscina.on('message', ({ warning }) => onWarning(warning));
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

/** Tasks that a pool of so many threads is to be given at once. */
export function tasksAtOnce(threads: number): number {
  return Math.max(1, affordableThreads(threads)) * TASKS_PER_THREAD;
}

/** A view of a shared pool must be copied; a buffer of its own can be handed over. */
function handedOver({ body }: EncodedBackup): { transferList?: ArrayBuffer[] } {
  const { buffer } = body;
  return buffer instanceof ArrayBuffer && buffer.byteLength === body.byteLength ? { transferList: [buffer] } : {};
}
