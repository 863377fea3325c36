import { randomUUID } from 'node:crypto';
import { lstat, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../../../config/errors.ts';
import { codeOf, pathReason, WhisperBackupError } from '../../../lib/common/errors.ts';
import { openRuns, whyNotTrusted } from '../../../lib/monitoring/host-records.ts';
import { nearestDirectory, self, whyNot } from '../host/service-user.ts';
import type { Invocation } from './invocation.ts';

/**
 * Checks that a configured state directory is usable for a backup or purge: without it, a vanished bucket is not detected and
 * `status` does not show the run. The default one is optional. A dry run writes nothing there.
 *
 * @throws ConfigError if it is not usable.
 */
export async function checkStateDirectory({ config, origins }: Pick<Invocation, 'config' | 'origins'>): Promise<void> {
  const { stateDir, storage, noop } = config;
  const origin = origins.get('stateDir') ?? 'default';
  if (origin === 'default' || storage === 'noop') return;
  try {
    await (noop ? lookAt(stateDir) : tryWriting(stateDir));
  } catch (cause) {
    throw new ConfigError(
      `Cannot use the state directory ${stateDir} (${origin}): ${pathReason(cause)}. Without it a vanished bucket is not detected, and status does not show the run. Use a directory that user ${self()} can write, or remove the setting for the default`,
      { cause },
    );
  }
}

async function tryWriting(stateDir: string): Promise<void> {
  const runs = await openRuns(stateDir);
  const temporary = runs.at(`.${randomUUID()}.tmp`);
  try {
    const file = await open(temporary, 'wx', 0o644);
    await file.close();
    await rm(temporary);
  } catch (error) {
    // On a full disk the records can still be read; writing the record of this run will log a warning.
    if (!['ENOSPC', 'EDQUOT'].includes(codeOf(error))) throw error;
  } finally {
    runs.close();
  }
}

/** Checks without creating anything. */
async function lookAt(stateDir: string): Promise<void> {
  const distrust = await whyNotTrusted(stateDir);
  if (distrust !== undefined) throw new WhisperBackupError('NOT_TRUSTED', distrust);
  for (const path of [stateDir, join(stateDir, 'runs')]) {
    const isThere = await lstat(path).then(
      () => true,
      () => false,
    );
    const place = isThere ? path : await nearestDirectory(path);
    if (!(await stat(place)).isDirectory())
      throw new WhisperBackupError('NOT_A_DIRECTORY', `${place} is not a directory`);
    const why = await whyNot('write', place, { uid: self(), gid: process.getegid?.() ?? 0 });
    if (why !== undefined) throw new WhisperBackupError('NOT_WRITABLE', `${place} ${why}`);
  }
}
