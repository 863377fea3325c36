import * as v from 'valibot';
import type { CacheEntry, CacheFormat } from '../statcache/entry.ts';

/** How far the journal has read a file. */
export interface Mark extends Omit<CacheEntry, 'sha1'> {
  /** The newest slot in it up to the time of the run, Unix time in seconds; 0 if none is known. */
  readonly mark: number;
  /** The run that has the points up to the mark, Unix time in seconds; 0 if the backup has them. */
  readonly run: number;
  /** Identifies the content of its header. */
  readonly schema: number;
}

const Row = v.strictTuple([
  v.string(),
  v.number(),
  v.number(),
  v.number(),
  v.number(),
  v.number(),
  v.number(),
  v.number(),
]);

/** @param place the name of the bucket, and the path in it: other buckets have other journals. */
export function marksFormat(prefix: string, place: string): CacheFormat<Mark> {
  return {
    name: 'file of journal marks',
    without: 'the journal starts an hour before the newest backup of each file',
    header: { format: 'whisper-backup journal marks 1', prefix, place },
    encode: ({ order, size, mtimeMs, ctimeMs, ino, mark, run, schema }) => [
      order,
      size,
      mtimeMs,
      ctimeMs,
      ino,
      mark,
      run,
      schema,
    ],
    decode(row) {
      if (!v.is(Row, row)) return undefined;
      const [order, size, mtimeMs, ctimeMs, ino, mark, run, schema] = row;
      return { order, size, mtimeMs, ctimeMs, ino, mark, run, schema };
    },
  };
}
