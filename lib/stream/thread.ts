import { parentPort, type TransferListItem, workerData } from 'node:worker_threads';
import { type FlatError, flatten } from './flat-error.ts';
import { Flow } from './flow.ts';

export interface ThreadOrder<Task> {
  readonly task: Task;
  readonly cells: Int32Array;
}

export type ThreadMessage<Batch> =
  | { readonly kind: 'batch'; readonly batch: Batch }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: FlatError };

/**
 * Runs the thread's side of a stream; the only function that its entry file calls. Produces the batches of one task
 * after another, and blocks while it is too far ahead of the reader.
 *
 * @param transferOf returns the buffers of a batch to transfer instead of copying.
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
  // The first task comes in workerData, because Deno drops messages that arrive before there is a listener.
  run(workerData.order);
}
