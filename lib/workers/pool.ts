import { Piscina } from 'piscina';
import type { Checked, CheckTask } from './check.ts';
import type { EncodedBackup } from './decode.ts';
import type { Fingerprint, FingerprintTask } from './fingerprint.ts';
import type { Published, PublishTask } from './publish.ts';
import type { Snapshot, SnapshotTask } from './snapshot.ts';

/** As TypeScript the threads need a loader on some runtimes; as built by `scripts/build.ts` they do not. */
const ENTRY = import.meta.url.endsWith('.ts') ? './boot.mjs' : './tasks.mjs';

/** Worker threads that read, hash and compress, or decompress, check and write. */
export class WorkerPool {
  readonly #piscina: Piscina;
  readonly #stopFlag = new Int32Array(new SharedArrayBuffer(4));
  readonly #signal: AbortSignal | undefined;
  readonly #stop = () => Atomics.store(this.#stopFlag, 0, 1);

  constructor(options: { readonly threads: number; readonly signal?: AbortSignal }) {
    this.#piscina = new Piscina({
      filename: new URL(ENTRY, import.meta.url).href,
      minThreads: 1,
      maxThreads: options.threads,
      // By default a thread that is idle for a moment ends, and the next file starts another.
      idleTimeout: 60_000,
      workerData: { stopFlag: this.#stopFlag },
    });
    this.#signal = options.signal;
    this.#signal?.addEventListener('abort', this.#stop);
    if (this.#signal?.aborted) this.#stop();
  }

  snapshot(task: SnapshotTask): Promise<Snapshot> {
    return this.#piscina.run(task, { name: 'snapshot' });
  }

  publish(task: PublishTask): Promise<Published> {
    return this.#piscina.run(task, { name: 'publish', ...handedOver(task.backup) });
  }

  check(task: CheckTask): Promise<Checked> {
    return this.#piscina.run(task, { name: 'check', ...handedOver(task.backup) });
  }

  fingerprint(task: FingerprintTask): Promise<Fingerprint> {
    return this.#piscina.run(task, { name: 'fingerprint' });
  }

  /** Waits for what is under way, then ends the threads. */
  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#stop);
    await this.#piscina.close();
  }
}

/** A view of a shared pool must be copied; a buffer of its own can be handed over. */
function handedOver({ body }: EncodedBackup): { transferList?: ArrayBuffer[] } {
  const { buffer } = body;
  return buffer instanceof ArrayBuffer && buffer.byteLength === body.byteLength ? { transferList: [buffer] } : {};
}
