import { setMaxListeners } from 'node:events';
import { compareKeys } from '../common/order.ts';
import { pagesOf } from '../store/pages.ts';
import type { ObjectStore, Page } from '../store/store.ts';
import { ownKey } from './layout.ts';
import { PART_OBJECTS, type Partitions, readPartitions } from './partitions.ts';
import { type Part, sideBySide } from './side-by-side.ts';

export interface ListingOptions {
  readonly signal?: AbortSignal;
  readonly onPartitions?: (partitions: Partitions) => void;
}

/** How many objects of a part are buffered until its turn: a part may have grown by half since the cuts were made. */
const MAX_BUFFERED = PART_OBJECTS * 1.5;

/**
 * Streams all objects below a root in key order, by the page. Starts as a plain listing. When it finds
 * `partitions.json`, one of the first keys, it lists the parts in parallel, as many at once as the store supports. So a
 * small bucket needs no extra request, and the speed for a large one does not depend on the round-trip time of each
 * page.
 *
 * A part starts after one cut and ends with the next, so the parts cover all remaining keys for any cuts.
 *
 * @throws StoreError
 */
export async function* listBelow(
  store: ObjectStore,
  root: string,
  { signal, onPartitions }: ListingOptions,
): AsyncGenerator<Page, void, void> {
  const most = store.listings ?? 1;
  if (most <= 1) {
    yield* pagesOf(store, { prefix: root, ...(signal && { signal }) });
    return;
  }
  const controller = new AbortController();
  // Each running listing adds a few listeners, so more than ten are not a leak.
  setMaxListeners(0, controller.signal);
  const abort = () => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort, { once: true });
  const range = { prefix: root, signal: controller.signal };
  const start = pagesOf(store, range)[Symbol.asyncIterator]();
  const file = ownKey(root, 'partitions.json');
  let isOurs = true;
  try {
    for (;;) {
      const step = await start.next();
      if (step.done) return;
      const page = step.value;
      const at = page.findIndex(({ key }) => key === file);
      yield at < 0 ? page : page.slice(0, at + 1);
      if (at < 0) continue;
      const rest = page.slice(at + 1);
      const partitions = await readPartitions(store, root, controller.signal);
      onPartitions?.(partitions);
      const [first, ...cuts] = partitions.cuts.map((cut) => root + cut).filter((cut) => compareKeys(cut, file) > 0);
      if (first === undefined) {
        yield rest;
        continue;
      }
      // The current listing continues as the first part.
      const parts: Part[] = [{ open: () => following(rest, start), last: first }];
      for (const [i, after] of [first, ...cuts].entries()) parts.push(partOf(store, range, after, cuts[i]));
      isOurs = false;
      yield* sideBySide(parts, { parallel: most, maxBuffered: MAX_BUFFERED, controller });
      return;
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    controller.abort();
    if (isOurs) await start.return?.();
  }
}

function partOf(
  store: ObjectStore,
  range: { readonly prefix: string; readonly signal: AbortSignal },
  after: string,
  last: string | undefined,
): Part {
  if (last === undefined)
    return { open: () => pagesOf(store, { ...range, startAfter: after })[Symbol.asyncIterator]() };
  // The end of a range is exclusive, but the part includes the cut: '0' is the next character after the trailing slash.
  const endBefore = `${last.slice(0, -1)}0`;
  return { last, open: () => pagesOf(store, { ...range, startAfter: after, endBefore })[Symbol.asyncIterator]() };
}

async function* following(rest: Page, pages: AsyncIterator<Page>): AsyncGenerator<Page, void, void> {
  let isOpen = true;
  try {
    yield rest;
    for (;;) {
      const step = await pages.next();
      if (step.done) {
        isOpen = false;
        return;
      }
      yield step.value;
    }
  } finally {
    if (isOpen) await pages.return?.();
  }
}
