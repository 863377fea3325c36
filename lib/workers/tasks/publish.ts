import { closeSync, constants, fchmodSync, lstatSync, openSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, type ErrorCode, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import { assertPathLength, locateFile } from '../../system/descent.ts';
import type { OpenDirectory } from '../../system/open-directory.ts';
import { Place } from '../../system/open-place.ts';
import { nameNew, replaceAndKeep } from '../../tree/name-new.ts';
import { type FileToFill, openToFill } from '../../tree/open-to-fill.ts';
import { type Owner, placeDirectory, refusal, setOwner } from '../../tree/place.ts';
import type { Allocate, LockOptions } from '../../tree/read-file.ts';
import { temporaryName } from '../../tree/temporary.ts';
import { FillRefusedError, type WhisperError } from '../../whisper/errors.ts';
import type { FillPlan } from '../../whisper/fill.ts';
import { inspect } from '../../whisper/inspect.ts';
import { type Remark, remarkOn } from '../../whisper/remark.ts';
import { Scratch } from '../scratch.ts';
import { type Trace, traceOfFill, traceOfNew } from '../trace.ts';
import { backfillOpen } from './backfill.ts';
import { decodeBackup, type EncodedBackup } from './decode.ts';
import { checkCreate, checkWrite, type SpaceUse } from './dry-run-checks.ts';

/** One backup to bring back. It crosses to a worker thread, so it is plain data. */
export interface PublishTask extends Pick<LockOptions, 'flock' | 'fileLockTimeout'> {
  readonly prefix: string;
  /** Below the prefix, without `.wsp`. */
  readonly path: string;
  readonly backup: EncodedBackup;
  /** Restore a file that was damaged when it was backed up as it is. @default false */
  readonly includeDamaged?: boolean;
  /** Replace a local file instead of backfilling it. */
  readonly overwrite: boolean;
  /** Move a damaged local file aside. */
  readonly replaceDamaged: boolean;
  readonly dryRun: boolean;
  readonly owner?: Owner;
  /** In milliseconds since 1970. */
  readonly now: number;
}

interface Remarked {
  /** What is odd or damaged about the backup's file. */
  readonly remark?: Remark;
}

export type Published =
  | (Remarked & { readonly outcome: 'unchanged'; readonly bytes: number })
  /** `trace`: how the file was left; none in a dry run. */
  | (Remarked & {
      readonly outcome: 'restored';
      readonly bytes: number;
      readonly trace?: Trace;
      /** What it would take; in a dry run only. */
      readonly space?: SpaceUse;
    })
  | (Remarked & {
      readonly outcome: 'backfilled';
      readonly bytes: number;
      readonly filled: number;
      readonly trace?: Trace;
    })
  /** `backupDamaged`: an older backup might do. */
  | { readonly outcome: 'failed'; readonly code: ErrorCode; readonly reason: string; readonly backupDamaged: boolean };

/** The thread's. */
const scratch = new Scratch();

/** Decodes, checks and publishes one backup. Never throws; a failure leaves what is local as it was. */
export function publish(task: PublishTask, stopped: () => boolean): Promise<Published> {
  return scratch.lend((memory) => publishFrom(memory, task, stopped));
}

async function publishFrom(memory: Allocate, task: PublishTask, stopped: () => boolean): Promise<Published> {
  let data: Uint8Array;
  let remark: Remark | undefined;
  try {
    data = await decodeBackup(task.backup, { includeDamaged: task.includeDamaged ?? false, memory });
    const inspection = inspect(data);
    if (!task.includeDamaged && inspection.verdict === 'damaged') throw storedDamaged(task.backup, inspection.error);
    remark = remarkOn(inspection);
  } catch (error) {
    return { outcome: 'failed', code: codeOf(error), reason: reasonOf(error), backupDamaged: true };
  }
  try {
    return { ...(await publishData(data, task, stopped)), ...(remark && { remark }) };
  } catch (error) {
    const reason = reasonOf(refusal(error, `restore ${join(task.prefix, task.path)}.wsp`));
    return { outcome: 'failed', code: codeOf(error), reason, backupDamaged: false };
  }
}

/** How often carbon or another thread may get between our looking and our acting before we give up. */
const TRIES = 20;

async function publishData(data: Uint8Array, task: PublishTask, stopped: () => boolean): Promise<Published> {
  for (let tries = 1; ; tries++) {
    try {
      return await publishAt(placeOf(task, tries === 1), data, task, stopped);
    } catch (error) {
      // ENOENT: the directory was still empty when another thread put the one it had made in its place.
      const raced = ['EEXIST', 'VANISHED', 'REPLACED', 'ENOENT', 'ELOOP', 'EXCHANGED'].includes(codeOf(error));
      if (!raced || tries === TRIES) throw error;
    }
  }
}

/** @param place undefined when its directory is missing, and a dry run does not make it. */
async function publishAt(
  place: Place | undefined,
  data: Uint8Array,
  task: PublishTask,
  stopped: () => boolean,
): Promise<Published> {
  try {
    const found = place && lstatSync(place.at, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) return await meetLinked(join(task.prefix, `${task.path}.wsp`), data, task, stopped);
    if (place && found) return await meet(place, data, task, stopped);
    // EEXIST says that carbon was quicker.
    const publishIt = (temporary: string) => place && nameNew(temporary, place.at);
    if (task.dryRun || !place)
      return { outcome: 'restored', bytes: data.length, space: checkCreate(task, place, data.length) };
    const trace = withTemporary(place, data, task, publishIt);
    return { outcome: 'restored', bytes: data.length, trace };
  } finally {
    place?.close();
  }
}

/** Where the last file of this thread went: most are neighbours. */
let last: { readonly prefix: string; readonly relative: string; readonly directory: OpenDirectory } | undefined;

/** Where the file goes, its directory made. @param isTrusting whether a directory that is there is still the right one. */
function placeOf(task: PublishTask, isTrusting: boolean): Place | undefined {
  const { prefix, path } = task;
  assertPathLength(join(prefix, `${path}.wsp`));
  const slash = path.lastIndexOf('/');
  const relative = path.slice(0, Math.max(0, slash));
  const name = `${path.slice(slash + 1)}.wsp`;
  if (isTrusting && last?.prefix === prefix && last.relative === relative && last.directory.isInPlace())
    return new Place(last.directory.share(), name);
  last?.directory.close();
  last = undefined;
  const directory = placeDirectory(prefix, relative, task);
  if (!directory) return undefined;
  last = { prefix, relative, directory };
  return new Place(directory.share(), name);
}

/** As {@link meet}, for a link to a file. */
async function meetLinked(
  file: string,
  data: Uint8Array,
  task: PublishTask,
  stopped: () => boolean,
): Promise<Published> {
  const place = locateFile(file);
  try {
    return await meet(place, data, task, stopped);
  } finally {
    place.close();
  }
}

/** A local file is there. It stays, and gets what it lacks, unless it may be replaced. All under its exclusive lock. */
async function meet(place: Place, data: Uint8Array, task: PublishTask, stopped: () => boolean): Promise<Published> {
  const bytes = data.length;
  if (task.dryRun) checkWrite(place);
  const open = await openToFill(place, task.dryRun ? 'read' : 'write', { ...task, stopped });
  try {
    const local = open.bytes;
    if (Buffer.compare(local, data) === 0) return { outcome: 'unchanged', bytes };
    const damage = damageOf(local);
    const remedy = 'the local file stays: move it away to restore the backup as it is';
    if (!damage && damageOf(data))
      throw new WhisperBackupError('LOCAL_USABLE', `Cannot restore ${place.path} from a damaged file: ${remedy}`);
    if (task.overwrite || (damage && task.replaceDamaged)) {
      // A damaged one is kept aside.
      const replaces = task.overwrite ? local.length : 0;
      if (task.dryRun) return { outcome: 'restored', bytes, space: checkCreate(task, place, bytes, replaces) };
      return { outcome: 'restored', bytes, trace: replace(place, data, task) };
    }
    if (damage) throw localDamaged(place.path, local, damage, task);
    const { filled, writes } = fill(place, open, data, task);
    if (filled === 0) return { outcome: 'unchanged', bytes };
    const trace = task.dryRun ? undefined : traceOfFill(open.fd, local, writes, nowOf(task));
    return { outcome: 'backfilled', bytes, filled, ...(trace && { trace }) };
  } finally {
    open.close();
  }
}

/** The bucket is right: it holds what was stored. */
function storedDamaged({ key }: EncodedBackup, cause: WhisperError): WhisperBackupError {
  return new WhisperBackupError(
    cause.code,
    `Cannot restore ${key}: the file was damaged already when it was backed up: ${reasonOf(cause)}: use --fallback for an older backup, or --include-damaged to restore it as it is`,
    { cause },
  );
}

function localDamaged(file: string, local: Uint8Array, damage: unknown, task: PublishTask): WhisperBackupError {
  const remedy = '--replace-damaged to move it aside and restore it';
  const text =
    local.length === 0
      ? `it has 0 bytes, and no process wrote a header within ${task.fileLockTimeout} s: if carbon is creating it, restore again, otherwise use ${remedy}`
      : `${reasonOf(damage)}: use ${remedy}`;
  return new WhisperBackupError('LOCAL_DAMAGED', `Cannot backfill ${file}: ${text}`);
}

function damageOf(bytes: Uint8Array): WhisperError | undefined {
  const inspection = inspect(bytes);
  return inspection.verdict === 'damaged' ? inspection.error : undefined;
}

/** In seconds since 1970. */
function nowOf({ now }: PublishTask): number {
  return Math.floor(now / 1000);
}

/** Fills the local file; names a file that cannot be filled, and the remedy. */
function fill(place: Place, open: FileToFill, data: Uint8Array, task: PublishTask): FillPlan {
  try {
    return backfillOpen(place, open, data, { now: nowOf(task), dryRun: task.dryRun, sync: false });
  } catch (cause) {
    if (!(cause instanceof FillRefusedError)) throw cause;
    const side = cause.side === 'local' ? 'the local file' : 'the backup';
    throw new WhisperBackupError(
      cause.code,
      `Cannot backfill ${place.path}: ${side}: ${reasonOf(cause.cause)}: use --overwrite to replace the local file by the backup`,
      { cause },
    );
  }
}

function replace(place: Place, data: Uint8Array, task: PublishTask): Trace {
  const aside = task.overwrite ? undefined : place.withSuffix(`.damaged-${formatTimestamp(new Date(task.now))}`);
  return withTemporary(place, data, task, (temporary) => {
    if (aside === undefined) renameSync(temporary, place.at);
    else replaceAndKeep(temporary, place.at, aside);
  });
}

/** Writes the whole file under a short name of no metric beside its place, and has it published from there. */
function withTemporary(place: Place, data: Uint8Array, task: PublishTask, publishIt: (path: string) => void): Trace {
  const temporary = place.beside(temporaryName());
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  let trace: Trace;
  try {
    try {
      writeFileSync(fd, data);
      setOwner(fd, task.owner, place.directory.stats());
      fchmodSync(fd, 0o644);
      trace = traceOfNew(fd, data, Math.floor(task.now / 1000));
    } finally {
      closeSync(fd);
    }
    publishIt(temporary);
    return trace;
  } finally {
    removeIfThere(temporary);
  }
}

/** It is not when it was renamed. */
function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
