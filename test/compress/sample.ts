/** Bytes like those of a Whisper archive: regular timestamps, slowly changing values. The same in every run. */
export function archiveBytes(points: number): Uint8Array {
  const data = new Uint8Array(12 * points);
  const view = new DataView(data.buffer);
  let value = 50;
  let state = 1;
  for (let i = 0; i < points; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    value += state / 2 ** 32 - 0.5;
    view.setUint32(12 * i, 1_763_780_400 + 60 * i);
    view.setFloat64(12 * i + 4, Number(value.toFixed(2)));
  }
  return data;
}

/** Bytes that no engine can make smaller. */
export function noise(bytes: number): Uint8Array {
  const data = new Uint8Array(bytes);
  let state = 7;
  for (let i = 0; i < bytes; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    data[i] = state >>> 24;
  }
  return data;
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const data = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return data;
}

export function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A copy with some bits of one byte turned. */
export function flipped(data: Uint8Array, at: number, bits: number): Uint8Array {
  const copy = data.slice();
  copy[at] = (copy[at] ?? 0) ^ bits;
  return copy;
}
