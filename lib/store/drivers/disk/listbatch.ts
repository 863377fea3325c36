import { type ListTask, listNow } from './listing.ts';

/** A part of a listing as it crosses to another thread: few objects, each of them cheap to copy or handed over. */
export interface ListBatch {
  readonly keys: string[];
  /** Two for each key: size, and modification time in milliseconds. */
  readonly figures: Float64Array<ArrayBuffer>;
}

/** Objects in a batch. */
const MOST = 200;

/** The first is small, so that its reader can begin. */
const FIRST = 50;

export function* pack(task: ListTask): Generator<ListBatch, void, void> {
  let most = FIRST;
  let batch = emptyBatch(most);
  for (const { key, size, mtimeMs } of listNow(task)) {
    const at = batch.keys.push(key) - 1;
    batch.figures[2 * at] = size;
    batch.figures[2 * at + 1] = mtimeMs;
    if (at + 1 < most) continue;
    yield batch;
    most = MOST;
    batch = emptyBatch(most);
  }
  yield batch;
}

export function transferOf(batch: ListBatch): ArrayBuffer[] {
  return [batch.figures.buffer];
}

function emptyBatch(most: number): ListBatch {
  return { keys: [], figures: new Float64Array(2 * most) };
}
