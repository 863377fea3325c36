import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { BucketMemory } from '../../../lib/bucket/vanished.ts';
import { codeOf, reasonOf, WhisperBackupError } from '../../../lib/common/errors.ts';
import type { Report } from '../../../lib/common/report.ts';
import { makeDirectories } from '../../../lib/system/make-directories.ts';
import { readRegularFile } from '../../../lib/system/regular-file.ts';
import { whyDirectoryNotTrusted, whyFileNotTrusted } from '../../../lib/system/trust.ts';

const Schema = v.object({ version: v.literal(1), buckets: v.array(v.string()) });

/** Maximum number of buckets; the oldest are dropped. */
const MAX_BUCKETS = 100;

/**
 * Stores the buckets that this host has backed up to, in `buckets.json` in the state directory. If the file cannot be
 * read or written, the run continues without the guard against a vanished bucket. Problems with the directory itself are
 * only logged as debug here: the record of the run warns about them.
 */
export function knownBuckets(stateDir: string, log: Pick<Report, 'log'>): BucketMemory {
  const path = join(stateDir, 'buckets.json');
  return {
    async load() {
      try {
        return await read(stateDir, path);
      } catch (error) {
        const level = codeOf(error) === 'NOT_TRUSTED' ? 'debug' : 'warn';
        log.log(
          level,
          `Cannot read ${path} (the buckets this host has backed up to): ${reasonOf(error)}. Remove the file`,
        );
        return [];
      }
    },
    async add(bucket) {
      try {
        const others = (await read(stateDir, path).catch(() => [])).filter((other) => other !== bucket);
        await write(stateDir, path, [...others, bucket].slice(-MAX_BUCKETS));
      } catch (error) {
        log.log(
          'debug',
          `Cannot add ${bucket} to ${path} (the buckets this host has backed up to): ${reasonOf(error)}`,
        );
      }
    },
  };
}

async function read(stateDir: string, path: string): Promise<readonly string[]> {
  const distrust = await whyDirectoryNotTrusted(stateDir);
  if (distrust !== undefined) throw new WhisperBackupError('NOT_TRUSTED', distrust);
  const doubt = await whyFileNotTrusted(path);
  if (doubt !== undefined) throw new WhisperBackupError('FILE_NOT_TRUSTED', doubt);
  try {
    return v.parse(Schema, JSON.parse(await readRegularFile(path))).buckets;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function write(stateDir: string, path: string, buckets: readonly string[]): Promise<void> {
  await makeDirectories(stateDir, 0o755);
  const distrust = await whyDirectoryNotTrusted(stateDir);
  if (distrust !== undefined) throw new WhisperBackupError('NOT_TRUSTED', distrust);
  const temporary = join(stateDir, `.${randomUUID()}.tmp`);
  try {
    const file = await open(temporary, 'wx', 0o644);
    try {
      await file.writeFile(`${JSON.stringify({ version: 1, buckets })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
