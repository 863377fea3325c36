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
  /** The moment that retentions are counted back from, in seconds since 1970; fractions are dropped. */
  readonly now: number;
  /** Plan only. */
  readonly dryRun: boolean;
  /** Have the change on the disk before returning. */
  readonly sync: boolean;
}

/** How often a file may be renamed over while it is filled before we give up. */
const TRIES = 20;

/**
 * Fills the gaps of a local Whisper file from another's bytes, by the rules of `whisper/fill.ts`, under its exclusive
 * lock. All is computed first; then the changed ranges alone are written, coarsest archive first. When another file is
 * renamed over it meanwhile, that one is filled.
 *
 * @returns how many points were filled.
 * @throws WhisperError when either is damaged or compressed by go-carbon; the file is as it was.
 * @throws WhisperBackupError `VANISHED`, `LOCK_TIMEOUT`, `REPLACED` and the others of `openToFill`.
 */
export async function backfill(file: string, source: Uint8Array, options: BackfillOptions): Promise<number> {
  for (let tries = 1; ; tries++) {
    try {
      return await backfillOnce(file, source, options);
    } catch (error) {
      // whisper-resize renames twice: between the two there is no file.
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
 * {@link backfill} for a file that is open.
 *
 * @throws WhisperBackupError `REPLACED` when the file that was filled is no longer the one of this name.
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
