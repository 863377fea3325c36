/** What is kept for the next call at most, in bytes. */
const KEPT_BYTES = 2 ** 25;

let kept = new Uint8Array(0);

/**
 * Memory for the output of one call of a native compressor, at its worst case, which is much more than most files need;
 * to allocate that for each file would cost more than to copy the result out. One for each thread: it holds good until
 * the next call.
 *
 * @returns at least that many bytes, holding anything.
 */
export function workspace(bytes: number): Uint8Array {
  if (kept.length >= bytes) return kept;
  const memory = new Uint8Array(bytes);
  if (bytes <= KEPT_BYTES) kept = memory;
  return memory;
}
