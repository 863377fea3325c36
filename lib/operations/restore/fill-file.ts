import { withDefaults } from '../../common/defaults.ts';
import { reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { readLocked } from '../../tree/read-file.ts';
import { type Changes, findChanges } from '../../whisper/changes.ts';
import { FillRefusedError } from '../../whisper/errors.ts';
import { backfill, restoreWindow } from '../../workers/tasks/backfill.ts';
import { type WindowResult, windowResult } from '../../workers/tasks/window-result.ts';
import { type WindowOptions, windowIn } from './restored-window.ts';

interface FillFileOptions {
  /** Restore only this window, instead of filling gaps. @default none */
  readonly window?: WindowOptions;
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
 * Fills the gaps of one Whisper file from another, or restores a window from it, by the rules of a restore.
 *
 * @returns how many points were filled, and what else has changed in the window.
 * @throws WhisperBackupError if either file is damaged or cannot be read; the destination is unchanged.
 */
export async function fillFile(
  source: string,
  destination: string,
  options: FillFileOptions,
): Promise<{ readonly filled: number; readonly window?: WindowResult; readonly changes?: Changes }> {
  const { now: seconds = Date.now() / 1000, window: given, ...others } = options;
  const window = given && windowIn(given);
  const { dryRun, fileLockTimeout, flock, signal } = withDefaults(others);
  const lock = { flock, fileLockTimeout, stopped: () => signal.aborted };
  const bytes = await readLocked(source, lock);
  const now = Math.floor(seconds);
  try {
    const rules = { ...lock, now, dryRun, sync: true };
    if (!window) return { filled: await backfill(destination, bytes, rules) };
    const { local, plan } = await restoreWindow(destination, bytes, window, rules);
    const changes = findChanges(local, plan.writes.after, { plotAbove: 0, now });
    return { filled: plan.filled, window: windowResult(plan), ...(changes && { changes }) };
  } catch (cause) {
    if (!(cause instanceof FillRefusedError)) throw cause;
    const file = cause.side === 'source' ? source : destination;
    const reason = reasonOf(cause.cause);
    throw new WhisperBackupError(cause.code, `Cannot fill ${destination} from ${source}: ${file}: ${reason}`, {
      cause,
    });
  }
}
