import { withDefaults } from '../../common/defaults.ts';
import { reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { readLocked } from '../../tree/read-file.ts';
import { FillRefusedError } from '../../whisper/errors.ts';
import { backfill } from '../../workers/tasks/backfill.ts';

interface FillFileOptions {
  /** Unix time in seconds, rounded down. @default the current time */
  readonly now?: number;
  /** @default false */
  readonly dryRun?: boolean;
  /** @default true */
  readonly flock?: boolean;
  /** In seconds. @default 10 */
  readonly fileLockTimeout?: number;
  readonly signal?: AbortSignal;
}

/**
 * Fills the gaps of one Whisper file from another, by the rules of a restore.
 *
 * @returns how many points were filled.
 * @throws WhisperBackupError if either file is damaged or cannot be read; the destination is unchanged.
 */
export async function fillFile(
  source: string,
  destination: string,
  options: FillFileOptions,
): Promise<{ filled: number }> {
  const { now: seconds = Date.now() / 1000, ...others } = options;
  const { dryRun, fileLockTimeout, flock, signal } = withDefaults(others);
  const lock = { flock, fileLockTimeout, stopped: () => signal.aborted };
  const bytes = await readLocked(source, lock);
  const now = Math.floor(seconds);
  try {
    return { filled: await backfill(destination, bytes, { ...lock, now, dryRun, sync: true }) };
  } catch (cause) {
    if (!(cause instanceof FillRefusedError)) throw cause;
    const file = cause.side === 'source' ? source : destination;
    const reason = reasonOf(cause.cause);
    throw new WhisperBackupError(cause.code, `Cannot fill ${destination} from ${source}: ${file}: ${reason}`, {
      cause,
    });
  }
}
