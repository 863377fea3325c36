import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { assertPathLength } from '../../system/descent.ts';
import type { OpenDirectory } from '../../system/open-directory.ts';
import { Place } from '../../system/open-place.ts';
import { linkOrRename } from '../../tree/link-or-rename.ts';
import { explainSystemError, placeDirectory } from '../../tree/place.ts';
import type { Allocate } from '../../tree/read-file.ts';
import type { WhisperError } from '../../whisper/errors.ts';
import { isCompressed } from '../../whisper/header.ts';
import { inspect } from '../../whisper/inspect.ts';
import { type Remark, remarkOn } from '../../whisper/remark.ts';
import { Scratch } from '../scratch.ts';
import { decodeBackup, type EncodedBackup } from './decode.ts';
import { checkCreate } from './dry-run-checks.ts';
import { shaped } from './new-schema.ts';
import type { Published, PublishTask } from './publish-task.ts';
import { type Replayed, replayLines } from './replay-lines.ts';
import { changed, updateExisting, updateLinked } from './update-existing.ts';
import { withTemporary } from './write-new.ts';

const scratch = new Scratch();

/** Decodes, checks and publishes one backup. Never throws. If it fails, the local file is unchanged. */
export function publish(task: PublishTask, stopped: () => boolean): Promise<Published> {
  return scratch.lend((memory) => publishFrom(memory, task, stopped));
}

async function publishFrom(memory: Allocate, task: PublishTask, stopped: () => boolean): Promise<Published> {
  let data: Uint8Array;
  let remark: Remark | undefined;
  let replayed: Replayed | undefined;
  let isReplayed = false;
  try {
    data = await decodeBackup(task.backup, { includeDamaged: task.includeDamaged ?? false, memory });
    const inspection = inspect(data);
    if (!task.includeDamaged && inspection.verdict === 'damaged') throw storedDamaged(task.backup, inspection.error);
    remark = remarkOn(inspection);
    isReplayed = inspection.verdict !== 'damaged' && !isCompressed(data);
  } catch (error) {
    return { outcome: 'failed', code: codeOf(error), reason: reasonOf(error), backupDamaged: true };
  }
  try {
    if (isReplayed) replayed = replayLines(data, task.journal ?? [], task.date);
  } catch (error) {
    const reason = `Cannot apply the journal to ${task.backup.key}: ${reasonOf(error)}: use --no-journal to restore without it`;
    return { outcome: 'failed', code: codeOf(error), reason, backupDamaged: false };
  }
  try {
    return { ...(await publishData(data, task, stopped)), ...(remark && { remark }), ...(replayed && { replayed }) };
  } catch (error) {
    const reason = reasonOf(explainSystemError(error, `restore ${join(task.prefix, task.path)}.wsp`));
    return { outcome: 'failed', code: codeOf(error), reason, backupDamaged: false };
  }
}

/** Attempts if carbon or another thread changes the file at the same time. */
const TRIES = 20;

async function publishData(data: Uint8Array, task: PublishTask, stopped: () => boolean): Promise<Published> {
  for (let tries = 1; ; tries++) {
    try {
      return await publishAt(placeOf(task, tries === 1), data, task, stopped);
    } catch (error) {
      // ENOENT: another thread has renamed its new directory over the still empty one.
      const raced = ['EEXIST', 'VANISHED', 'REPLACED', 'ENOENT', 'ELOOP', 'EXCHANGED'].includes(codeOf(error));
      if (!raced || tries === TRIES) throw error;
    }
  }
}

/** @param place undefined in a dry run if its directory is missing. */
async function publishAt(
  place: Place | undefined,
  data: Uint8Array,
  task: PublishTask,
  stopped: () => boolean,
): Promise<Published> {
  try {
    const found = place && lstatSync(place.at, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) return await updateLinked(join(task.prefix, `${task.path}.wsp`), data, task, stopped);
    if (place && found) return await updateExisting(place, data, task, stopped);
    if (task.window) return noLocalFile(task);
    const { content, ...rest } = shaped(task, data);
    const bytes = content.length;
    const shape = { ...rest, ...changed(task, undefined, content) };
    if (task.dryRun || !place) return { outcome: 'restored', bytes, space: checkCreate(task, place, bytes), ...shape };
    // EEXIST if carbon has created the file meanwhile.
    const trace = withTemporary(place, content, task, (temporary) => linkOrRename(temporary, place.at));
    return { outcome: 'restored', bytes, trace, ...shape };
  } finally {
    place?.close();
  }
}

/** Directory of the last file of this thread: most files are restored next to the previous one. */
let last: { readonly prefix: string; readonly relative: string; readonly directory: OpenDirectory } | undefined;

/**
 * Opens the directory of the file, and creates it if it is missing.
 *
 * @param mayReuse whether to reuse the last directory.
 */
function placeOf(task: PublishTask, mayReuse: boolean): Place | undefined {
  const { prefix, path } = task;
  assertPathLength(join(prefix, `${path}.wsp`));
  const slash = path.lastIndexOf('/');
  const relative = path.slice(0, Math.max(0, slash));
  const name = `${path.slice(slash + 1)}.wsp`;
  if (mayReuse && last?.prefix === prefix && last.relative === relative && last.directory.isInPlace())
    return new Place(last.directory.share(), name);
  last?.directory.close();
  last = undefined;
  const directory = placeDirectory(prefix, relative, task);
  if (!directory) return undefined;
  last = { prefix, relative, directory };
  return new Place(directory.share(), name);
}

/** The backup itself is sound: it has what was stored. */
function storedDamaged({ key }: EncodedBackup, cause: WhisperError): WhisperBackupError {
  return new WhisperBackupError(
    cause.code,
    `Cannot restore ${key}: the file was already damaged when it was backed up: ${reasonOf(cause)}: use --fallback for an older backup, or --include-damaged to restore it unchanged`,
    { cause },
  );
}

function noLocalFile({ prefix, path }: PublishTask): Published {
  const reason = `there is no file ${join(prefix, path)}.wsp to restore a window into: restore all of it without --from`;
  return { outcome: 'skipped', code: 'VANISHED', reason };
}
