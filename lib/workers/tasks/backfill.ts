import { fstatSync, fsyncSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, WhisperBackupError } from '../../common/errors.ts';
import { locateFile } from '../../system/descent.ts';
import { assertNoForeignHardLink } from '../../system/link-rule.ts';
import type { Place } from '../../system/open-place.ts';
import { assertCurrent, type FileToFill, openToFill } from '../../tree/open-to-fill.ts';
import type { LockOptions } from '../../tree/read-file.ts';
import { type FillPlan, planFill } from '../../whisper/fill.ts';
import type { FillWrites } from '../../whisper/fill-writes.ts';
import type { Window } from '../../whisper/time-window.ts';
import { planWindow, type WindowPlan } from '../../whisper/window.ts';

interface BackfillOptions extends LockOptions {
  /** Unix time in seconds, rounded down: retentions end there. */
  readonly now: number;
  readonly dryRun: boolean;
  /** Call fsync(2) before returning. */
  readonly sync: boolean;
}

/** Attempts to fill a file that another process keeps replacing. */
const TRIES = 20;

/**
 * Fills the gaps of a local Whisper file under its exclusive lock, by the rules of `whisper/fill.ts`. Computes all
 * changes first, then writes only the changed ranges, coarsest archive first. If another process replaces the file
 * meanwhile, the new one is filled.
 *
 * @param source content of the file that has the points.
 * @returns how many points were filled.
 * @throws WhisperError if either file is damaged or in go-carbon's compressed format; nothing was changed.
 * @throws WhisperBackupError `VANISHED`, `LOCK_TIMEOUT`, `REPLACED` and others as `openToFill` does.
 */
export async function backfill(file: string, source: Uint8Array, options: BackfillOptions): Promise<number> {
  const { filled } = await changeFile(file, options, (place, open) => backfillOpen(place, open, source, options));
  return filled;
}

/**
 * Like {@link backfill}, but restores a window by the rules of `whisper/window.ts`.
 *
 * @returns the file before, and what has changed.
 */
export function restoreWindow(
  file: string,
  source: Uint8Array,
  window: Window,
  options: BackfillOptions,
): Promise<{ readonly local: Uint8Array; readonly plan: WindowPlan }> {
  return changeFile(file, options, (place, open) => ({
    local: open.bytes,
    plan: restoreWindowOpen(place, open, source, { ...options, window }),
  }));
}

async function changeFile<P>(
  file: string,
  options: BackfillOptions,
  change: (place: Place, open: FileToFill) => P,
): Promise<P> {
  for (let tries = 1; ; tries++) {
    try {
      return await changeOnce(file, options, change);
    } catch (error) {
      // whisper-resize renames twice, and in between there is no file.
      const isReplaced = codeOf(error) === 'REPLACED' || (codeOf(error) === 'VANISHED' && tries > 1);
      if (!isReplaced || tries === TRIES) throw error;
      await sleep(tries);
    }
  }
}

async function changeOnce<P>(
  file: string,
  options: BackfillOptions,
  change: (place: Place, open: FileToFill) => P,
): Promise<P> {
  const place = locate(file);
  try {
    const open = await openToFill(place, options.dryRun ? 'read' : 'write', options);
    try {
      return change(place, open);
    } finally {
      open.close();
    }
  } finally {
    place.close();
  }
}

function locate(file: string): Place {
  try {
    return locateFile(file);
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw cause;
    throw new WhisperBackupError('VANISHED', `Cannot fill ${file}: it does not exist`, { cause });
  }
}

/**
 * Like {@link backfill}, for an open file.
 *
 * @throws WhisperBackupError `REPLACED` if another process replaced the file meanwhile.
 */
export function backfillOpen(
  place: Place,
  { fd, bytes: local }: Pick<FileToFill, 'fd' | 'bytes'>,
  source: Uint8Array,
  options: Pick<BackfillOptions, 'now' | 'dryRun' | 'sync'>,
): FillPlan {
  const plan = planFill({ local, source, now: options.now });
  writeAll(place, fd, plan.writes, options);
  return plan;
}

/** Like {@link restoreWindow}, for an open file. @throws WhisperBackupError `REPLACED` */
export function restoreWindowOpen(
  place: Place,
  { fd, bytes: local }: Pick<FileToFill, 'fd' | 'bytes'>,
  source: Uint8Array,
  options: Pick<BackfillOptions, 'now' | 'dryRun' | 'sync'> & { readonly window: Window },
): WindowPlan {
  const plan = planWindow({ local, source, window: options.window, now: options.now });
  writeAll(place, fd, plan.writes, options);
  return plan;
}

function writeAll(
  place: Place,
  fd: number,
  writes: FillWrites,
  { dryRun, sync }: Pick<BackfillOptions, 'dryRun' | 'sync'>,
): void {
  if (writes.isEmpty) return;
  assertNoForeignHardLink(place.path, fstatSync(fd), place.directory.stats());
  if (dryRun) return;
  for (const { offset, bytes } of writes) {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
  if (sync) fsyncSync(fd);
  assertCurrent(place, fd);
}
