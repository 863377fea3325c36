import { setMaxListeners } from 'node:events';
import { compareKeys } from '../common/order.ts';
import { pagesOf } from '../store/pages.ts';
import type { ObjectStore, Page } from '../store/store.ts';
import { ownKey } from './layout.ts';
import { PART_OBJECTS, type Partitions, readPartitions } from './partitions.ts';
import { type Part, sideBySide } from './side-by-side.ts';

export interface ListingOptions {
  readonly signal?: AbortSignal;
  /** Told what the bucket says of where to cut it. */
  readonly onPartitions?: (partitions: Partitions) => void;
}

/** Objects of a part that are held until it is its turn: a part that has grown by half still fits. */
const HELD = PART_OBJECTS * 1.5;

/**
 * Streams all objects below a root in key order, by the page. It begins as a plain listing. When that comes by the
 * file which says where the bucket can be cut, among the first keys, it goes on with the parts side by side, as many at
 * once as the store finds worthwhile. So a small bucket costs no request more, and a large one is bound by what its
 * server can do, not by the way there and back for each page.
 *
 * Parts begin behind a cut and end with the next, so they tile what is left whatever the cuts are.
 *
 * @throws StoreError; the signal's reason.
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
  // Every listing under way has some, and more than ten are no leak.
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
      // The listing that is under way goes on as the first part.
      const parts: Part[] = [{ open: () => following(rest, start), last: first }];
      for (const [i, after] of [first, ...cuts].entries()) parts.push(partOf(store, range, after, cuts[i]));
      isOurs = false;
      yield* sideBySide(parts, { most, held: HELD, controller });
      return;
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    controller.abort();
    if (isOurs) await start.return?.();
  }
}

/** What stands behind one cut, up to and with the next. */
function partOf(
  store: ObjectStore,
  range: { readonly prefix: string; readonly signal: AbortSignal },
  after: string,
  last: string | undefined,
): Part {
  if (last === undefined)
    return { open: () => pagesOf(store, { ...range, startAfter: after })[Symbol.asyncIterator]() };
  // The end of a range is exclusive, and the cut belongs to it: '0' comes next to the slash at its end.
  const endBefore = `${last.slice(0, -1)}0`;
  return { last, open: () => pagesOf(store, { ...range, startAfter: after, endBefore })[Symbol.asyncIterator]() };
}

/** What is left of a page, and of the listing behind it. */
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
