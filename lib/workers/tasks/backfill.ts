import { fstatSync, fsyncSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, WhisperBackupError } from '../../common/errors.ts';
import { locateFile } from '../../system/descent.ts';
import { assertNoForeignHardLink } from '../../system/link-rule.ts';
import type { Place } from '../../system/open-place.ts';
import { assertCurrent, type FileToFill, openToFill } from '../../tree/open-to-fill.ts';
import type { LockOptions } from '../../tree/read-file.ts';
import { type FillPlan, planFill } from '../../whisper/fill.ts';

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
  for (let tries = 1; ; tries++) {
    try {
      return await backfillOnce(file, source, options);
    } catch (error) {
      // whisper-resize renames twice, and in between there is no file.
      const isReplaced = codeOf(error) === 'REPLACED' || (codeOf(error) === 'VANISHED' && tries > 1);
      if (!isReplaced || tries === TRIES) throw error;
      await sleep(tries);
    }
  }
}

async function backfillOnce(file: string, source: Uint8Array, options: BackfillOptions): Promise<number> {
  const place = locate(file);
  try {
    const open = await openToFill(place, options.dryRun ? 'read' : 'write', options);
    try {
      return backfillOpen(place, open, source, options).filled;
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
  if (plan.writes.length === 0) return plan;
  assertNoForeignHardLink(place.path, fstatSync(fd), place.directory.stats());
  if (options.dryRun) return plan;
  write(fd, plan);
  if (options.sync) fsyncSync(fd);
  assertCurrent(place, fd);
  return plan;
}

function write(fd: number, plan: FillPlan): void {
  for (const { offset, bytes } of plan.writes) {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}
