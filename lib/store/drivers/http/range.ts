import type { ByteRange } from '../../store.ts';
import type { Answer } from './client.ts';

export function rangeHeader({ start, end }: ByteRange): { readonly range: string } {
  return { range: `bytes=${start}-${end - 1}` };
}

/** Returns the body of a response to a request with a range. A server that does not support ranges sends everything. */
export function rangeOf({ status, body }: Answer, { start, end }: ByteRange): Uint8Array {
  return status === 206 ? body : body.slice(start, end);
}
