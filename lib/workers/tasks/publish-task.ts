import type { ErrorCode } from '../../common/errors.ts';
import type { JournalLines } from '../../journal/points.ts';
import type { Owner } from '../../tree/place.ts';
import type { LockOptions } from '../../tree/read-file.ts';
import type { Changes } from '../../whisper/changes.ts';
import type { Remark } from '../../whisper/remark.ts';
import type { NewSchema, Reshaped } from '../../whisper/reshape.ts';
import type { Window } from '../../whisper/time-window.ts';
import type { Trace } from '../trace.ts';
import type { EncodedBackup } from './decode.ts';
import type { SpaceUse } from './dry-run-checks.ts';
import type { Replayed } from './replay-lines.ts';
import type { WindowResult } from './window-result.ts';

/** One backup to publish in the local tree. */
export interface PublishTask extends Pick<LockOptions, 'flock' | 'fileLockTimeout'> {
  readonly prefix: string;
  /** Path below the prefix, without `.wsp`. */
  readonly path: string;
  readonly backup: EncodedBackup;
  /** Applied to the file before it is published. Damaged and compressed files are restored without. @default none */
  readonly journal?: readonly JournalLines[];
  /** Leave out later lines of the journal: Unix time in seconds. @default none */
  readonly date?: number;
  /** The schema that the file is to have. @default that of the local file, else of the backup */
  readonly schema?: NewSchema;
  /** Restore only this window, into an existing file. @default the gaps of an existing file */
  readonly window?: Window;
  /** Restore the backup of a damaged file unchanged. @default false */
  readonly includeDamaged?: boolean;
  /** Replace a local file instead of backfilling it. */
  readonly overwrite: boolean;
  /** Move a damaged local file aside. */
  readonly replaceDamaged: boolean;
  readonly dryRun: boolean;
  readonly owner?: Owner;
  /** The current time in milliseconds. */
  readonly now: number;
  /** Count the points that change, and plot those of files with more changes. @default neither */
  readonly plotAbove?: number;
}

export type PointsLeft = Omit<Reshaped, 'bytes'>;

export interface Remarked {
  /** Set if points of the journal were applied. */
  readonly replayed?: Replayed;
  /** Set if the file in the backup is odd or damaged. */
  readonly remark?: Remark;
  /** Set if the file got another schema. */
  readonly left?: PointsLeft;
  /** Set if changes are counted and the points can be read. */
  readonly changes?: Changes;
  /** Set if a window was restored. */
  readonly window?: WindowResult;
}

export type Published =
  | (Remarked & { readonly outcome: 'unchanged'; readonly bytes: number })
  | (Remarked & {
      readonly outcome: 'restored';
      readonly isReplaced?: true;
      readonly bytes: number;
      readonly trace?: Trace;
      readonly space?: SpaceUse;
    })
  | (Remarked & {
      readonly outcome: 'backfilled';
      readonly bytes: number;
      readonly filled: number;
      readonly trace?: Trace;
    })
  /** A window of a file that does not exist. */
  | { readonly outcome: 'skipped'; readonly code: 'VANISHED'; readonly reason: string }
  /** `backupDamaged`: an older backup may be usable. */
  | { readonly outcome: 'failed'; readonly code: ErrorCode; readonly reason: string; readonly backupDamaged: boolean };

export type Succeeded = Exclude<Published, { outcome: 'failed' | 'skipped' }>;

/** Unix time in seconds. */
export function nowOf({ now }: PublishTask): number {
  return Math.floor(now / 1000);
}
