import { WhisperError } from './errors.ts';
import { isCompressed, parseHeader } from './header.ts';
import { oddityOf } from './oddity.ts';

/** Whether python3-whisper can use a file. `odd`: it can, but Whisper itself does not create such files. */
export type Inspection =
  | { readonly verdict: 'sound' }
  | { readonly verdict: 'odd'; readonly reason: string }
  | { readonly verdict: 'damaged'; readonly error: WhisperError };

/** Inspects a whole file. A file in go-carbon's compressed format counts as sound. */
export function inspect(bytes: Uint8Array): Inspection {
  if (isCompressed(bytes)) return { verdict: 'sound' };
  try {
    const reason = oddityOf(parseHeader(bytes), bytes.length);
    return reason === undefined ? { verdict: 'sound' } : { verdict: 'odd', reason };
  } catch (error) {
    if (error instanceof WhisperError) return { verdict: 'damaged', error };
    throw error;
  }
}
