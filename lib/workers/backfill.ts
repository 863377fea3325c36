import { fstatSync, fsyncSync, statSync, writeSync } from 'node:fs';
import { WhisperBackupError } from '../errors.ts';
import { type LockOptions, openLocked, readStable } from '../tree/readfile.ts';
import { type FillPlan, planFill } from '../whisper/fill.ts';

export interface BackfillOptions extends LockOptions {
  /** The moment that retentions are counted back from, in seconds since 1970; fractions are dropped. */
  readonly now: number;
  /** Plan only. */
  readonly dryRun: boolean;
  /** Have the change on the disk before returning. */
  readonly sync: boolean;
}

/**
 * Fills the gaps of a local Whisper file from another's bytes, by the rules of `whisper/fill.ts`, under its exclusive
 * lock. All is computed first; then the changed ranges alone are written, coarsest archive first.
 *
 * @returns how many points were filled.
 * @throws WhisperError when either is damaged or compressed by go-carbon; the file is as it was.
 * @throws WhisperBackupError `VANISHED`, `LOCK_TIMEOUT` and the others of `openLocked`.
 */
export async function backfill(file: string, source: Uint8Array, options: BackfillOptions): Promise<number> {
  const open = await openLocked(file, options.dryRun ? 'read' : 'write', options);
  try {
    if (isReplaced(file, open.fd)) throw new WhisperBackupError('REPLACED', `${file} was replaced while we waited`);
    return backfillOpen(open.fd, readStable(file, open.fd), source, options);
  } finally {
    open.close();
  }
}

/** {@link backfill} for a file that is open, locked and read. */
export function backfillOpen(
  fd: number,
  local: Uint8Array,
  source: Uint8Array,
  options: Pick<BackfillOptions, 'now' | 'dryRun' | 'sync'>,
): number {
  const plan = planFill({ local, source, now: options.now });
  if (!options.dryRun) {
    write(fd, plan);
    if (options.sync && plan.writes.length > 0) fsyncSync(fd);
  }
  return plan.filled;
}

/** Whether the name stands for another file now than the one we hold the lock of. */
export function isReplaced(file: string, fd: number): boolean {
  const held = fstatSync(fd, { bigint: true });
  const named = statSync(file, { bigint: true, throwIfNoEntry: false });
  return named?.ino !== held.ino || named.dev !== held.dev;
}

function write(fd: number, plan: FillPlan): void {
  for (const { offset, bytes } of plan.writes) {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}
