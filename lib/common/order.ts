/**
 * Orders two strings by their UTF-8 bytes, as object stores do, and as JavaScript's `<` does not: UTF-16 puts a
 * character beyond U+FFFF (a surrogate pair, 0xD800 to 0xDFFF) before U+E000 to U+FFFF, UTF-8 puts it after.
 *
 * Allocates nothing. Both strings must be well-formed (no lone surrogate).
 *
 * @returns less than 0, 0 or more than 0, as `Array.prototype.sort` wants it.
 */
export function compareKeys(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return x >= 0xd800 && y >= 0xd800 ? rank(x) - rank(y) : x - y;
  }
  return a.length - b.length;
}

/** Moves surrogates above the rest of the basic plane; only for units from 0xD800 on. */
function rank(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/**
 * Watches a sequence, and asserts that its keys strictly ascend by UTF-8 bytes: a merge join of a sequence that does not
 * would take live metrics for missing ones.
 *
 * @param onDisorder called with each pair of neighbours that does not ascend; may throw.
 * @returns what is to be told each key.
 */
export function watchOrder(onDisorder: (previous: string, current: string) => void): (key: string) => void {
  let previous: string | undefined;
  return (key) => {
    const before = previous;
    previous = key;
    if (before !== undefined && compareKeys(before, key) >= 0) onDisorder(before, key);
  };
}
