import { fstatSync, renameSync, type Stats } from 'node:fs';
import { reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import { locateFile } from '../../system/descent.ts';
import type { Place } from '../../system/open-place.ts';
import { replaceKeepingOld } from '../../tree/link-or-rename.ts';
import { assertCurrent, type FileToFill, openToFill } from '../../tree/open-to-fill.ts';
import { type Changes, findChanges } from '../../whisper/changes.ts';
import { FillRefusedError, type WhisperError } from '../../whisper/errors.ts';
import type { FillWrites } from '../../whisper/fill-writes.ts';
import { inspect } from '../../whisper/inspect.ts';
import { type Trace, traceOfFill } from '../trace.ts';
import { backfillOpen, restoreWindowOpen } from './backfill.ts';
import { checkCreate, checkWrite } from './dry-run-checks.ts';
import { type Content, hasOtherSchema, shaped } from './new-schema.ts';
import { nowOf, type Published, type PublishTask } from './publish-task.ts';
import { type WindowResult, windowResult } from './window-result.ts';
import { withTemporary } from './write-new.ts';

/** Like {@link updateExisting}, for the target of a link. */
export async function updateLinked(
  file: string,
  data: Uint8Array,
  task: PublishTask,
  stopped: () => boolean,
): Promise<Published> {
  const place = locateFile(file);
  try {
    return await updateExisting(place, data, task, stopped);
  } finally {
    place.close();
  }
}

/** Backfills or replaces an existing file, under its exclusive lock. */
export async function updateExisting(
  place: Place,
  data: Uint8Array,
  task: PublishTask,
  stopped: () => boolean,
): Promise<Published> {
  const bytes = data.length;
  if (task.dryRun) checkWrite(place);
  const open = await openToFill(place, task.dryRun ? 'read' : 'write', { ...task, stopped });
  try {
    const local = open.bytes;
    if (!task.schema && Buffer.compare(local, data) === 0) return { outcome: 'unchanged', bytes };
    const damage = damageOf(local);
    if (!damage && damageOf(data)) {
      const remedy = 'move the local file away to restore the backup unchanged';
      throw new WhisperBackupError(
        'LOCAL_USABLE',
        `Cannot restore ${place.path} from the backup of a damaged file: the local file is usable: ${remedy}`,
      );
    }
    if (task.overwrite || (damage && task.replaceDamaged)) {
      // Nothing is lost with an empty one.
      const keepsOld = !task.overwrite || (damage !== undefined && local.length > 0);
      return publishOver(place, shaped(task, data), task, { local, keepsOld });
    }
    if (damage) throw localDamaged(place.path, local, damage, task);
    if (hasOtherSchema(task, local)) {
      // Another process may have replaced the file, whose points would be lost.
      const isCurrent = () => assertCurrent(place, open.fd);
      const like = fstatSync(open.fd);
      return publishOver(place, shaped(task, local, data), task, { local, keepsOld: false, isCurrent, like });
    }
    const { filled, writes, window } = fill(place, open, data, task);
    if (writes.isEmpty) return { outcome: 'unchanged', bytes, ...(window && { window }) };
    const trace = task.dryRun ? undefined : traceOfFill(open.fd, local, writes, nowOf(task));
    const changes = changed(task, local, writes.after);
    return { outcome: 'backfilled', bytes, filled, ...(trace && { trace }), ...(window && { window }), ...changes };
  } finally {
    open.close();
  }
}

interface Replacing {
  readonly keepsOld: boolean;
  readonly isCurrent?: () => void;
  readonly like?: Stats;
}

/**
 * Replaces a local file.
 *
 * @param old.keepsOld moves it aside, so that its space does not become free.
 * @param old.isCurrent throws if it must not be replaced any more.
 * @param old.like the file whose mode and owner it keeps.
 */
function publishOver(
  place: Place,
  { content, ...rest }: Content,
  task: PublishTask,
  old: { readonly local: Uint8Array } & Replacing,
): Published {
  const bytes = content.length;
  const replaces = old.keepsOld ? 0 : old.local.length;
  const shape = { isReplaced: true, ...rest, ...changed(task, old.local, content) } as const;
  if (task.dryRun) return { outcome: 'restored', bytes, space: checkCreate(task, place, bytes, replaces), ...shape };
  return { outcome: 'restored', bytes, trace: replace(place, content, task, old), ...shape };
}

/** Counts the points that change, if the task asks for it. @param before undefined if there is no file. */
export function changed(
  task: PublishTask,
  before: Uint8Array | undefined,
  after: Uint8Array,
): { readonly changes?: Changes } | undefined {
  const { plotAbove } = task;
  if (plotAbove === undefined) return undefined;
  const changes = findChanges(before, after, { plotAbove, now: nowOf(task) });
  return changes && { changes };
}

function localDamaged(file: string, local: Uint8Array, damage: unknown, task: PublishTask): WhisperBackupError {
  const isolated = task.window ? '--replace-damaged without --from first,' : '--replace-damaged';
  const remedy = `${isolated} to move it aside and restore it`;
  const text =
    local.length === 0
      ? `it has 0 bytes, and no process wrote a header within ${task.fileLockTimeout} s: if carbon is creating it, restore again, otherwise use ${remedy}`
      : `${reasonOf(damage)}: use ${remedy}`;
  return new WhisperBackupError('LOCAL_DAMAGED', `${refusal(task)} ${file}: ${text}`);
}

function refusal({ window }: PublishTask): string {
  return window ? 'Cannot restore a window of' : 'Cannot backfill';
}

function damageOf(bytes: Uint8Array): WhisperError | undefined {
  const inspection = inspect(bytes);
  return inspection.verdict === 'damaged' ? inspection.error : undefined;
}

interface Filled {
  readonly filled: number;
  readonly writes: FillWrites;
  readonly window?: WindowResult;
}

/** Fills the local file. @throws WhisperBackupError that names the unusable file and the remedy. */
function fill(place: Place, open: FileToFill, data: Uint8Array, task: PublishTask): Filled {
  const { dryRun, window } = task;
  const options = { now: nowOf(task), dryRun, sync: false };
  try {
    if (!window) return backfillOpen(place, open, data, options);
    const plan = restoreWindowOpen(place, open, data, { ...options, window });
    return { filled: plan.filled, writes: plan.writes, window: windowResult(plan) };
  } catch (cause) {
    if (!(cause instanceof FillRefusedError)) throw cause;
    const side = cause.side === 'local' ? 'the local file' : 'the backup';
    const option = window ? '--overwrite without --from' : '--overwrite';
    const remedy = `use ${option} to replace the local file by the backup`;
    throw new WhisperBackupError(
      cause.code,
      `${refusal(task)} ${place.path}: ${side}: ${reasonOf(cause.cause)}: ${remedy}`,
      { cause },
    );
  }
}

function replace(place: Place, data: Uint8Array, task: PublishTask, { keepsOld, isCurrent, like }: Replacing): Trace {
  const aside = !keepsOld ? undefined : place.withSuffix(`.damaged-${formatTimestamp(new Date(task.now))}`);
  return withTemporary(place, data, like ? { ...task, like } : task, (temporary) => {
    isCurrent?.();
    if (aside === undefined) renameSync(temporary, place.at);
    else replaceKeepingOld(temporary, place.at, aside);
  });
}
