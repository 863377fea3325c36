import { stream } from '../../../stream/stream.ts';
import { isSmallTree } from '../../../system/small-tree.ts';
import { makeStoreError } from '../../errors.ts';
import type { ListRange, Page } from '../../store.ts';
import { isPossibleStart, type ListBatch, type ListTask, listNow, startOf } from './listing.ts';

/** The TypeScript source or the output of `scripts/build.ts`. */
const THREAD = import.meta.url.endsWith('.ts') ? './list-thread.ts' : './list-thread.mjs';

/**
 * Streams the objects of a range by the page, at most a few hundred ahead of the reader. A thread calls {@link
 * listNow}, unless the bucket is small.
 *
 * @param findRoot returns the path of the bucket without links.
 * @param store name of the store, for messages.
 * @throws StoreError as {@link listNow} does.
 * @throws WhisperBackupError `THREAD_FAILED`
 * @throws Error that is the signal's reason.
 */
export async function* listFiles(
  findRoot: () => Promise<string>,
  store: string,
  // A function cannot go to a thread, and a page of a disk comes whole.
  { signal, onProgress: _, ...range }: ListRange,
): AsyncGenerator<Page, void, void> {
  signal?.throwIfAborted();
  const root = await findRoot();
  const task: ListTask = { root, store, range };
  const start = startOf(range);
  if (!isPossibleStart(start)) return;
  if (await isSmallTree(`${root}/${start}`, signal)) {
    const files = [...listNow(task)];
    yield files.map(({ key, size, mtimeMs }) => ({ key, size, modified: new Date(mtimeMs) }));
    return;
  }
  const entry = new URL(THREAD, import.meta.url);
  for await (const batch of stream<ListBatch>({ entry, task, signal, makeError: makeStoreError })) {
    signal?.throwIfAborted();
    yield batch.keys.map((key, i) => {
      return { key, size: batch.figures[2 * i] ?? 0, modified: new Date(batch.figures[2 * i + 1] ?? 0) };
    });
  }
}
