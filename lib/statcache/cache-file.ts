import type { FileHandle } from 'node:fs/promises';
import * as v from 'valibot';
import { compareKeys } from '../common/order.ts';
import { openRegularFile } from '../system/regular-file.ts';
import type { CacheEntry } from './entry.ts';
import { readFrames } from './frame.ts';

const entry = v.strictTuple([v.string(), v.number(), v.number(), v.number(), v.number(), v.string()]);
const block = v.array(entry);

/** What the first frame says: of which tree this is, in which form. */
export function headerOf(prefix: string): { readonly format: string; readonly prefix: string } {
  return { format: 'whisper-backup stat cache 1', prefix };
}

/**
 * Streams what is remembered of a tree in key order, by the block. A cache that is not there, of another tree or another version has
 * nothing to tell, and a damaged one tells what stands before the damage: the files it does not tell of are read.
 */
export async function* readCache(file: string, prefix: string): AsyncGenerator<readonly CacheEntry[]> {
  let handle: FileHandle;
  try {
    handle = await openRegularFile(file);
  } catch {
    return;
  }
  try {
    yield* blocksOf(handle, prefix);
  } catch {
    // E.g. EIO: no reason not to back up.
  } finally {
    await handle.close();
  }
}

async function* blocksOf(handle: FileHandle, prefix: string): AsyncGenerator<readonly CacheEntry[]> {
  const frames = readFrames(handle);
  const header = await frames.next();
  if (header.done || JSON.stringify(header.value) !== JSON.stringify(headerOf(prefix))) return;
  let previous: string | undefined;
  for await (const frame of frames) {
    const parsed = v.safeParse(block, frame, { abortEarly: true });
    if (!parsed.success) return;
    const entries = parsed.output.map(([order, size, mtimeMs, ctimeMs, ino, sha1]) => {
      return { order, size, mtimeMs, ctimeMs, ino, sha1 };
    });
    for (const { order } of entries) {
      if (previous !== undefined && compareKeys(previous, order) >= 0) return;
      previous = order;
    }
    yield entries;
  }
}
