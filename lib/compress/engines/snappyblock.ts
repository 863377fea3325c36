/**
 * Walks the elements of a raw Snappy block (format_description.txt of Google's snappy) without decoding it.
 *
 * The decoder that follows trusts lengths: a literal of 4 length bytes can send it backwards for ever, and one that
 * ends early leaves zeros. After this check it can do neither.
 *
 * @returns what is wrong, or undefined.
 */
export function checkSnappyBlock(block: Uint8Array, maxBytes: number): string | undefined {
  const [declared, start] = readVarint(block);
  if (start === 0 || declared > maxBytes) return 'bad block length';
  let made = 0;
  for (let at = start; at < block.length; ) {
    const tag = block[at] ?? 0;
    const kind = tag & 3;
    const more = tag >> 2;
    const extra = kind === 0 ? Math.max(0, more - 59) : ([0, 1, 2, 4][kind] ?? 0);
    if (at + 1 + extra > block.length) return 'block cut';
    const number = littleEndian(block, at + 1, extra);
    at += 1 + extra;
    if (kind === 0) {
      const length = (extra === 0 ? more : number) + 1;
      if (at + length > block.length) return 'block cut';
      at += length;
      made += length;
    } else {
      const offset = kind === 1 ? ((tag >> 5) << 8) | number : number;
      if (offset === 0 || offset > made) return 'block refers to what is not there';
      made += kind === 1 ? (more & 7) + 4 : more + 1;
    }
    if (made > declared) return 'block longer than it says';
  }
  return made === declared ? undefined : 'block shorter than it says';
}

/** The number, and where it ends; 0 when there is none of at most 32 bits. */
function readVarint(block: Uint8Array): readonly [value: number, end: number] {
  let value = 0;
  for (const [i, byte] of block.subarray(0, 5).entries()) {
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return [value, i + 1];
  }
  return [0, 0];
}

function littleEndian(block: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (block[at + i] ?? 0);
  return value;
}
