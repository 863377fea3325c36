import { parentPort, type TransferListItem, workerData } from 'node:worker_threads';
import { type FlatError, flatten } from './flat-error.ts';
import { Flow } from './flow.ts';

/** What a thread is told. */
export interface ThreadOrder<Task> {
  readonly task: Task;
  readonly cells: Int32Array;
}

/** What a thread says. */
export type ThreadMessage<Batch> =
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: FlatError };

/**
 * The far end of a stream: all that the entry file of such a thread calls. Produces batches in the order in which they
 * are read, with synchronous code, and sleeps when it is ahead. One task after another.
 *
 * @param transferOf what of a batch is handed over instead of copied.
 */
export function produce<Task, Batch>(
  batchesOf: (task: Task) => Iterable<Batch>,
  transferOf: (batch: Batch) => TransferListItem[],
): void {
  const send = (message: ThreadMessage<Batch>, transfer: TransferListItem[] = []) =>
    parentPort?.postMessage(message, transfer);
  const run = ({ task, cells }: ThreadOrder<Task>) => {
    const flow = new Flow(cells);
    try {
      for (const batch of batchesOf(task)) {
        if (!flow.mayGoOn()) return;
        send({ kind: 'batch', batch }, transferOf(batch));
      }
      send({ kind: 'end' });
    } catch (error) {
      send({ kind: 'error', error: flatten(error) });
    }
  };
  parentPort?.on('message', run);
  // Deno drops messages that come before there is a listener, so the first task comes with the thread.
  run(workerData.order);
}
