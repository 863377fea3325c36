/**
 * Compares two strings by their UTF-8 bytes, as object stores do. JavaScript's `<` compares UTF-16, which puts a
 * character above U+FFFF (a surrogate pair, 0xD800 to 0xDFFF) before U+E000 to U+FFFF; UTF-8 puts it after.
 *
 * Allocates nothing. Both strings must be well-formed (no lone surrogate).
 *
 * @returns a negative number, 0 or a positive number, for `Array.prototype.sort`.
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

/** Ranks surrogates above the rest of the basic plane. Only for code units from 0xD800. */
function rank(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/**
 * Checks that the keys of a sequence strictly ascend by UTF-8 bytes. If they did not, a merge join would report
 * existing metrics as missing.
 *
 * @param onDisorder called with each pair of neighbours that does not ascend; may throw.
 * @returns a function to call with each key in turn.
 */
export function watchOrder(onDisorder: (previous: string, current: string) => void): (key: string) => void {
  let previous: string | undefined;
  return (key) => {
    const before = previous;
    previous = key;
    if (before !== undefined && compareKeys(before, key) >= 0) onDisorder(before, key);
  };
}
