import * as v from 'valibot';
import { reasonOf, WhisperBackupError } from '../common/errors.ts';
import { compareKeys } from '../common/order.ts';
import { parseTimestamp } from '../common/timestamp.ts';

/** The name of the object that is written last: without it a run does not exist. */
export const INDEX_NAME = 'index.json';

/** The limit for an index, in bytes. */
export const INDEX_BYTES: number = 16 * 2 ** 20;

/** The limit for the lines of a part, in bytes. */
export const PART_BYTES: number = 64 * 2 ** 20;

/** A compressed part is at most this much larger than its lines, in bytes. */
export const OVERHEAD_BYTES: number = 2 ** 20;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const time = v.pipe(
  v.string(),
  v.check((text) => parseTimestamp(text) !== undefined, 'is not the time of a key'),
);

const Part = v.pipe(
  v.object({
    name: v.pipe(v.string(), v.regex(/^\d{4,9}\.[0-9a-f]{40}\.lines\.(?:gz|zst)$/)),
    /** Its first and last metric: the names as such, not as in a line. */
    first: v.string(),
    last: v.string(),
    lines: count,
    /** SHA-1 of the uncompressed lines. */
    sha1: v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/)),
    /** Compressed, in bytes. */
    size: count,
    /** Uncompressed. */
    bytes: v.pipe(count, v.maxValue(PART_BYTES)),
  }),
  v.check(({ size, bytes }) => size <= bytes + OVERHEAD_BYTES, 'is larger than its lines'),
);

const Index = v.object({
  format: v.literal('whisper-backup journal 1'),
  from: time,
  until: time,
  /** The run before it. Older releases did not write it. */
  previous: v.optional(time),
  /** Whether it has only some metrics of the host. */
  partial: v.optional(v.boolean()),
  /** The spans of time whose runs the newest backups need. Only runs of all metrics have it, not those of older releases. */
  needed: v.optional(v.pipe(v.array(v.pipe(v.strictTuple([time, time]), v.readonly())), v.readonly())),
  parts: v.pipe(
    v.array(Part),
    v.minLength(1),
    v.check((parts) => ascends(parts), 'is not in order'),
    v.readonly(),
  ),
});

/** Returns whether the metrics ascend in key order. A metric with very many lines is in several parts. */
function ascends(parts: readonly { readonly first: string; readonly last: string }[]): boolean {
  const orders = parts.flatMap(({ first, last }) => [`${first}/`, `${last}/`]);
  return orders.every((order, i) => compareKeys(orders[i - 1] ?? '', order) <= 0);
}

/** One object of lines. */
export type JournalPart = v.InferOutput<typeof Part>;

export type JournalIndex = v.InferOutput<typeof Index>;

export function partName(number: number, sha1: string, algorithm: 'gz' | 'zst'): string {
  return `${String(number).padStart(4, '0')}.${sha1}.lines.${algorithm}`;
}

export function encodeIndex(index: Omit<JournalIndex, 'format'>): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ format: 'whisper-backup journal 1', ...index }, null, 1)}\n`);
}

/**
 * Parses the index of a run. Readers must not trust it.
 *
 * @param where its key, for messages.
 * @throws WhisperBackupError `BAD_INDEX`
 */
export function parseIndex(bytes: Uint8Array, where: string): JournalIndex {
  try {
    if (bytes.length > INDEX_BYTES) throw new Error(`it has more than ${INDEX_BYTES} bytes`);
    return v.parse(Index, JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)), { abortEarly: true });
  } catch (cause) {
    const [issue] = v.isValiError(cause) ? cause.issues : [];
    const why = issue ? `'${v.getDotPath(issue) ?? ''}': ${issue.message}` : reasonOf(cause);
    throw new WhisperBackupError('BAD_INDEX', `Cannot use the journal index ${where}: ${why}`, { cause });
  }
}
