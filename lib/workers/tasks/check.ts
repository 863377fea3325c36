import { codeOf, type ErrorCode, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { inspect } from '../../whisper/inspect.ts';
import { type Remark, remarkOn } from '../../whisper/remark.ts';
import { Scratch } from '../scratch.ts';
import { decodeBackup, type EncodedBackup } from './decode.ts';

interface CheckTask {
  readonly backup: EncodedBackup;
  /** Name of the engine that decompresses it, or `auto`. */
  readonly engine: string;
  /** Also decode a damaged file that is larger than its header requires. */
  readonly includeDamaged?: boolean;
}

type Checked =
  /** It is whole and has the right SHA-1. `remark`: the file was odd or damaged when it was backed up. */
  | { readonly outcome: 'sound'; readonly remark?: Remark }
  /** `failed`: it could not be checked, so its state is unknown. */
  | { readonly outcome: 'damaged' | 'failed'; readonly code: ErrorCode; readonly reason: string };

const scratch = new Scratch();

/** Decodes one backup and checks it. Never throws. */
export async function check({ backup, ...options }: CheckTask): Promise<Checked> {
  try {
    const remark = await scratch.lend(async (memory) =>
      remarkOn(inspect(await decodeBackup(backup, { ...options, memory }))),
    );
    return { outcome: 'sound', ...(remark && { remark }) };
  } catch (error) {
    const code = codeOf(error);
    const isDamage = error instanceof WhisperBackupError && code !== 'ENGINE_UNAVAILABLE' && code !== 'INVALID_OPTION';
    return { outcome: isDamage ? 'damaged' : 'failed', code, reason: reasonOf(error) };
  }
}
