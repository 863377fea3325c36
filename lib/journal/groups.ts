import { WhisperBackupError } from '../common/errors.ts';
import { compareKeys } from '../common/order.ts';
import type { Block } from './blocks.ts';
import { metricOfLineName } from './line.ts';

/** All lines of one metric in a block. */
export interface LineGroup {
  readonly metric: string;
  readonly order: string;
  readonly lines: number;
  readonly bytes: Uint8Array;
}

/** The limits of a name and of a line, in bytes: a key of 1,024 bytes, all of it escaped, and a value. */
const NAME_BYTES = 4096;
const LINE_BYTES = NAME_BYTES + 64;

const NEWLINE = 10;
const SPACE = 32;

/**
 * Yields the lines of a block by metric.
 *
 * @param last the order of the last metric of the block before, which may continue in this one.
 * @throws WhisperBackupError `BAD_LINES` where a line is not a point of a metric, or is not in order.
 */
export function* groupsOf({ key, start: offset, lines: bytes }: Block, last?: string): Generator<LineGroup> {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let previous = last;
  for (let start = 0; start < data.length; ) {
    const space = data.indexOf(SPACE, start) - start;
    if (space < 1 || space > NAME_BYTES) throw badLine(key, offset + start);
    let end = start;
    let lines = 0;
    do {
      const length = data.indexOf(NEWLINE, end) - end;
      if (length <= space + 1 || length > LINE_BYTES) throw badLine(key, offset + end);
      end += length + 1;
      lines++;
    } while (isSame(view, start, end, space + 1));
    const metric = metricOfLineName(data.toString('utf8', start, start + space));
    const order = `${metric}/`;
    const ascends = previous === undefined ? 1 : compareKeys(order, previous);
    if (ascends < 0 || (ascends === 0 && start > 0)) throw badLine(key, offset + start);
    previous = order;
    yield { metric, order, lines, bytes: bytes.subarray(start, end) };
    start = end;
  }
}

/** Returns whether two lines have the same name. Backwards, because the names of neighbours differ near their ends. */
function isSame(data: DataView, first: number, second: number, length: number): boolean {
  if (second + length > data.byteLength) return false;
  let i = length - 4;
  for (; i >= 0; i -= 4) if (data.getUint32(first + i) !== data.getUint32(second + i)) return false;
  for (i += 3; i >= 0; i--) if (data.getUint8(first + i) !== data.getUint8(second + i)) return false;
  return true;
}

function badLine(key: string, at: number): WhisperBackupError {
  return new WhisperBackupError(
    'BAD_LINES',
    `Cannot use the journal part ${key} from byte ${at} on: the line there is not a point of a metric, or not in order`,
  );
}
