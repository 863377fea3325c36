import { fstatSync, lstatSync, renameSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { codeOf, type ErrorCode, reasonOf, WhisperBackupError } from '../../common/errors.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import type { JournalLines } from '../../journal/points.ts';
import { assertPathLength, locateFile } from '../../system/descent.ts';
import type { OpenDirectory } from '../../system/open-directory.ts';
import { Place } from '../../system/open-place.ts';
import { linkOrRename, replaceKeepingOld } from '../../tree/link-or-rename.ts';
import { assertCurrent, type FileToFill, openToFill } from '../../tree/open-to-fill.ts';
import { explainSystemError, type Owner, placeDirectory } from '../../tree/place.ts';
import type { Allocate, LockOptions } from '../../tree/read-file.ts';
import { type Changes, findChanges } from '../../whisper/changes.ts';
import { FillRefusedError, type WhisperError } from '../../whisper/errors.ts';
import type { FillWrites } from '../../whisper/fill-writes.ts';
import { isCompressed, parseHeader } from '../../whisper/header.ts';
import { inspect } from '../../whisper/inspect.ts';
import { type Remark, remarkOn } from '../../whisper/remark.ts';
import { differsFrom, type NewSchema, type Reshaped, reshape } from '../../whisper/reshape.ts';
import type { Window } from '../../whisper/window.ts';
import { Scratch } from '../scratch.ts';
import { type Trace, traceOfFill } from '../trace.ts';
import { backfillOpen, restoreWindowOpen } from './backfill.ts';
import { decodeBackup, type EncodedBackup } from './decode.ts';
import { checkCreate, checkWrite, type SpaceUse } from './dry-run-checks.ts';
import { type Replayed, replayLines } from './replay-lines.ts';
import { type WindowResult, windowResult } from './window-result.ts';
import { withTemporary } from './write-new.ts';

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

type PointsLeft = Omit<Reshaped, 'bytes'>;

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

/** Like {@link updateExisting}, for the target of a link. */
async function updateLinked(
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
async function updateExisting(
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

interface Content {
  readonly content: Uint8Array;
  readonly left?: PointsLeft;
}

/** Returns the content of a file with the schema that was asked for, if any. */
function shaped(task: PublishTask, ...sources: readonly [Uint8Array, Uint8Array?]): Content {
  const { schema } = task;
  const [first, second] = sources;
  if (!schema || (!second && !hasOtherSchema(task, first))) return { content: first };
  return withSchemaError(task, () => {
    const { bytes: content, ...left } = reshape(schema, sources, nowOf(task));
    return { content, left };
  });
}

function hasOtherSchema(task: PublishTask, bytes: Uint8Array): boolean {
  const { schema } = task;
  return schema !== undefined && withSchemaError(task, () => differsFrom(parseHeader(bytes), schema));
}

/** @throws WhisperBackupError that names the file and why its points cannot go into another schema. */
function withSchemaError<R>({ prefix, path }: PublishTask, run: () => R): R {
  try {
    return run();
  } catch (cause) {
    const reason = reasonOf(cause instanceof FillRefusedError ? cause.cause : cause);
    const message = `Cannot restore ${join(prefix, path)}.wsp with another schema: ${reason}: restore it without a new schema`;
    throw new WhisperBackupError(codeOf(cause), message, { cause });
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

/** @param before undefined if there is no file. */
function changed(
  task: PublishTask,
  before: Uint8Array | undefined,
  after: Uint8Array,
): { readonly changes?: Changes } | undefined {
  const { plotAbove } = task;
  if (plotAbove === undefined) return undefined;
  const changes = findChanges(before, after, { plotAbove, now: nowOf(task) });
  return changes && { changes };
}

/** The backup itself is sound: it has what was stored. */
function storedDamaged({ key }: EncodedBackup, cause: WhisperError): WhisperBackupError {
  return new WhisperBackupError(
    cause.code,
    `Cannot restore ${key}: the file was already damaged when it was backed up: ${reasonOf(cause)}: use --fallback for an older backup, or --include-damaged to restore it unchanged`,
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

/** Unix time in seconds. */
function nowOf({ now }: PublishTask): number {
  return Math.floor(now / 1000);
}

function noLocalFile({ prefix, path }: PublishTask): Published {
  const reason = `there is no file ${join(prefix, path)}.wsp to restore a window into: restore all of it without --from`;
  return { outcome: 'skipped', code: 'VANISHED', reason };
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
    const remedy = window ? 'restore it without --from' : 'use --overwrite to replace the local file by the backup';
    throw new WhisperBackupError(
      cause.code,
      `Cannot backfill ${place.path}: ${side}: ${reasonOf(cause.cause)}: ${remedy}`,
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
