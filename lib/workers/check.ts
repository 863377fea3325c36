import { codeOf, reasonOf, WhisperBackupError } from '../errors.ts';
import { WhisperError } from '../whisper/errors.ts';
import { decodeBackup, type EncodedBackup } from './decode.ts';

/** One backup to look into. It crosses to a worker thread, so it is plain data. */
export interface CheckTask {
  readonly backup: EncodedBackup;
  /** What decompresses it. */
  readonly engine: string;
}

export type Checked =
  | { readonly outcome: 'sound' }
  /** `failed`: it could not be looked into, which says nothing about it. */
  | { readonly outcome: 'damaged' | 'failed'; readonly code: string; readonly reason: string };

/** Decodes one backup and checks it. Never throws. */
export async function check({ backup, engine }: CheckTask): Promise<Checked> {
  try {
    await decodeBackup(backup, engine);
    return { outcome: 'sound' };
  } catch (error) {
    const code = codeOf(error);
    // The SHA-1 is compared first.
    const since = error instanceof WhisperError ? ' (its SHA-1 is right: so it was when it was backed up)' : '';
    const isDamage = error instanceof WhisperBackupError && code !== 'ENGINE_UNAVAILABLE' && code !== 'INVALID_OPTION';
    return { outcome: isDamage ? 'damaged' : 'failed', code, reason: `${reasonOf(error)}${since}` };
  }
}
