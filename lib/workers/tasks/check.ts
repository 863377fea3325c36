import { codeOf, type ErrorCode, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import type { Allocate } from '../../tree/read-file.ts';
import { inspect } from '../../whisper/inspect.ts';
import { type Remark, remarkOn } from '../../whisper/remark.ts';
import { Scratch } from '../scratch.ts';
import { decodeBackup, type EncodedBackup } from './decode.ts';

/** One backup to look into. It crosses to a worker thread, so it is plain data. */
interface CheckTask {
  readonly backup: EncodedBackup;
  /** What decompresses it. */
  readonly engine: string;
  /** Also decode a damaged file that is larger than its header accounts for. */
  readonly includeDamaged?: boolean;
}

type Checked =
  /** It is whole, and what was stored. `remark`: what was odd or damaged about the file when it was stored. */
  | { readonly outcome: 'sound'; readonly remark?: Remark }
  /** `failed`: it could not be looked into, which says nothing about it. */
  | { readonly outcome: 'damaged' | 'failed'; readonly code: ErrorCode; readonly reason: string };

/** The thread's. */
const scratch = new Scratch();

/** Decodes one backup and checks it. Never throws. */
export async function check({ backup, ...options }: CheckTask): Promise<Checked> {
  try {
    // Looked at before its memory is used again.
    const look = async (memory: Allocate) => remarkOn(inspect(await decodeBackup(backup, { ...options, memory })));
    const remark = await scratch.lend(look);
    return { outcome: 'sound', ...(remark && { remark }) };
  } catch (error) {
    const code = codeOf(error);
    const isDamage = error instanceof WhisperBackupError && code !== 'ENGINE_UNAVAILABLE' && code !== 'INVALID_OPTION';
    return { outcome: isDamage ? 'damaged' : 'failed', code, reason: reasonOf(error) };
  }
}
