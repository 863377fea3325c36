import { Piscina } from 'piscina';
import type { BroughtBack } from '../bringback.ts';
import { type StoreSpec, shareOf } from '../store/spec.ts';
import type { StoredFile } from '../storefile.ts';
import type { Checked, CheckTask } from './check.ts';
import type { EncodedBackup } from './decode.ts';
import type { Fingerprint, FingerprintTask } from './fingerprint.ts';
import type { Published, PublishTask } from './publish.ts';
import type { Snapshot, SnapshotTask } from './snapshot.ts';
import type { BringBackBatch, StoreBatch, ThreadData } from './tasks.ts';

/** As TypeScript the threads need a loader on some runtimes; as built by `scripts/build.ts` they do not. */
const ENTRY = import.meta.url.endsWith('.ts') ? './boot.mjs' : './tasks.mjs';

export interface WorkerPoolOptions {
  readonly threads: number;
  /** How each thread builds a store of its own, for `storeFile` and `bringBack`. */
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
  /** Begun with the first task: in a run that finds nothing changed there is none. */
  #threads: Piscina | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    options.signal?.addEventListener('abort', this.#stop);
    if (options.signal?.aborted) this.#stop();
  }

  snapshot(task: SnapshotTask): Promise<Snapshot> {
    return this.#piscina().run(task, { name: 'snapshot' });
  }

  publish(task: PublishTask): Promise<Published> {
    return this.#piscina().run(task, { name: 'publish', ...handedOver(task.backup) });
  }

  check(task: CheckTask): Promise<Checked> {
    return this.#piscina().run(task, { name: 'check', ...handedOver(task.backup) });
  }

  fingerprint(task: FingerprintTask): Promise<Fingerprint> {
    return this.#piscina().run(task, { name: 'fingerprint' });
  }

  /** Only with a store. */
  storeFiles(batch: StoreBatch): Promise<StoredFile[]> {
    return this.#piscina().run(batch, { name: 'storeFiles' });
  }

  /** Only with a store. */
  bringBack(batch: BringBackBatch): Promise<BroughtBack[]> {
    return this.#piscina().run(batch, { name: 'bringBack' });
  }

  /** Waits for what is under way, then ends the threads. */
  async close(): Promise<void> {
    this.#options.signal?.removeEventListener('abort', this.#stop);
    await this.#threads?.close();
  }

  #piscina(): Piscina {
    this.#threads ??= startThreads(this.#options, this.#stopFlag);
    return this.#threads;
  }
}

function startThreads({ threads, store, onWarning }: WorkerPoolOptions, stopFlag: Int32Array): Piscina {
  const data: ThreadData = { stopFlag, ...(store && { store: shareOf(store, threads) }) };
  const piscina = new Piscina({
    filename: new URL(ENTRY, import.meta.url).href,
    minThreads: 1,
    maxThreads: threads,
    // By default a thread that is idle for a moment ends, and the next file starts another.
    idleTimeout: 60_000,
    // While one file of a thread is on its way to the store, the next is compressed. Such a thread must not sleep in
    // Atomics.wait() between two tasks: its sockets would not be seen to.
    ...(store && { concurrentTasksPerWorker: TASKS_PER_THREAD, atomics: 'disabled' }),
    workerData: data,
  });
  if (onWarning) piscina.on('message', ({ warning }) => onWarning(warning));
  return piscina;
}

/** Batches of one thread under way at once: while the last bodies of one are on their way, the next is begun. */
export const TASKS_PER_THREAD = 2;

/** A view of a shared pool must be copied; a buffer of its own can be handed over. */
function handedOver({ body }: EncodedBackup): { transferList?: ArrayBuffer[] } {
  const { buffer } = body;
  return buffer instanceof ArrayBuffer && buffer.byteLength === body.byteLength ? { transferList: [buffer] } : {};
}
