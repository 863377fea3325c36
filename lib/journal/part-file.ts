import { createHash } from 'node:crypto';
import { WhisperBackupError } from '../common/errors.ts';
import { compareKeys } from '../common/order.ts';
import { createDecompressor } from '../compress/engine.ts';
import type { ObjectStore } from '../store/store.ts';
import type { JournalPart } from './index-file.ts';
import { metricOfLineName } from './line.ts';

export type StoredPart = JournalPart & { readonly key: string };

/** All lines of one metric in a part. */
export interface LineGroup {
  readonly metric: string;
  readonly order: string;
  readonly lines: number;
  readonly bytes: Uint8Array;
}

/** The limits of a name and of a line, in bytes: a key of 1,024 bytes, all of it escaped, and a value. */
const NAME_BYTES = 4096;
const LINE_BYTES = NAME_BYTES + 64;

/** A compressed part is at most a little larger than its lines. */
const OVERHEAD_BYTES = 2 ** 20;

const NEWLINE = 10;
const SPACE = 32;

export function fetchPart(store: ObjectStore, part: StoredPart, signal: AbortSignal): Promise<Uint8Array> {
  return store.get(part.key, { maxBytes: part.bytes + OVERHEAD_BYTES, expectedBytes: part.size, signal });
}

/**
 * Decompresses a part and checks it.
 *
 * @throws CompressionError
 * @throws WhisperBackupError `WRONG_SHA1`
 */
export async function decodePart(part: StoredPart, body: Uint8Array): Promise<Uint8Array> {
  const decompressor = await createDecompressor({ algorithm: part.name.endsWith('.zst') ? 'zst' : 'gz' });
  const lines = decompressor.decompress(body, { maxBytes: part.bytes, expectedBytes: part.bytes });
  const sha1 = createHash('sha1').update(lines).digest('hex');
  if (sha1 === part.sha1) return lines;
  throw new WhisperBackupError(
    'WRONG_SHA1',
    `Cannot use the journal part ${part.key}: its lines have the SHA-1 ${sha1}, not ${part.sha1}`,
  );
}

/**
 * Yields the lines of a part by metric.
 *
 * @throws WhisperBackupError `BAD_LINES` where a line is not a point of a metric, or is not in order.
 */
export function* groupsOf(part: StoredPart, bytes: Uint8Array): Generator<LineGroup> {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let previous: string | undefined;
  for (let start = 0; start < data.length; ) {
    const space = data.subarray(start, start + NAME_BYTES + 1).indexOf(SPACE);
    if (space < 1) throw badLine(part, start);
    const head = start + space + 1;
    let end = start;
    let lines = 0;
    do {
      const length = data.subarray(end, end + LINE_BYTES + 1).indexOf(NEWLINE);
      if (length <= space + 1) throw badLine(part, end);
      end += length + 1;
      lines++;
    } while (data.length - end > space && data.compare(data, start, head, end, end + space + 1) === 0);
    const metric = metricOfLineName(data.toString('utf8', start, start + space));
    const order = `${metric}/`;
    if (previous !== undefined && compareKeys(previous, order) >= 0) throw badLine(part, start);
    previous = order;
    yield { metric, order, lines, bytes: bytes.subarray(start, end) };
    start = end;
  }
}

function badLine({ key }: StoredPart, at: number): WhisperBackupError {
  return new WhisperBackupError(
    'BAD_LINES',
    `Cannot use the journal part ${key} from byte ${at} on: the line there is not a point of a metric, or not in order`,
  );
}
