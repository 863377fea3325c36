import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { codeOf, reasonOf, WhisperBackupError } from '../common/errors.ts';
import { readRegularFile } from '../system/regular-file.ts';
import { whyFileNotTrusted } from '../system/trust.ts';
import { openRuns, whyNotTrusted } from './host-records.ts';

/*
 * How the last check of each kind went, `runs/last-verify.json` and `runs/last-drill.json` in the state directory. They
 * stand apart from the records of runs, so that many checks cannot push out the last full backup.
 */

const time = v.pipe(v.string(), v.isoTimestamp());

export const checkSchema = v.object({
  /** Which part of the metrics, as `n/t`; null is all of them. */
  part: v.nullable(v.string()),
  started: time,
  /** Null while it runs, and of one that was killed. */
  finished: v.nullable(time),
  exitCode: v.nullable(v.number()),
  error: v.optional(v.string()),
});

const Schema = v.object({
  version: v.literal(1),
  last: checkSchema,
  /** The last that did not end with 0, until the same part, or everything, is found well. */
  failed: v.nullable(checkSchema),
});

export type Check = v.InferOutput<typeof checkSchema>;
export type CheckName = 'verify' | 'drill';
export type LastChecks = Omit<v.InferOutput<typeof Schema>, 'version'>;

/**
 * Writes how a check goes, whole or not at all.
 *
 * @throws as `openRuns`.
 */
export async function writeCheck(stateDir: string, name: CheckName, last: Check): Promise<void> {
  const failed = last.exitCode === 0 || last.exitCode === null ? await stillFailed(stateDir, name, last) : last;
  const runs = await openRuns(stateDir);
  const temporary = runs.at(`.${randomUUID()}.tmp`);
  try {
    await writeFile(temporary, `${JSON.stringify({ version: 1, last, failed })}\n`, { flag: 'wx', mode: 0o644 });
    await rename(temporary, runs.at(fileName(name)));
  } finally {
    await rm(temporary, { force: true });
    runs.close();
  }
}

async function stillFailed(stateDir: string, name: CheckName, last: Check): Promise<Check | null> {
  const earlier = await readChecks(stateDir, name, () => {});
  // One that never ended is known as failed when the next begins.
  const failed = earlier?.last.finished === null && last.finished === null ? earlier.last : (earlier?.failed ?? null);
  const isWell = last.exitCode === 0 && (name === 'drill' || last.part === null || last.part === failed?.part);
  return isWell ? null : failed;
}

/**
 * Reads how the last checks of a kind went.
 *
 * @param onUnusable called with why a file is not used.
 * @returns undefined when there was none.
 */
export async function readChecks(
  stateDir: string,
  name: CheckName,
  onUnusable: (message: string) => void,
): Promise<LastChecks | undefined> {
  const path = join(stateDir, 'runs', fileName(name));
  try {
    const distrust = (await whyNotTrusted(stateDir)) ?? (await whyFileNotTrusted(path));
    if (distrust !== undefined) throw new WhisperBackupError('NOT_TRUSTED', distrust);
    return v.parse(Schema, JSON.parse(await readRegularFile(path)));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') onUnusable(`Cannot use ${path}: ${reasonOf(error)}: the next ${name} replaces it`);
    return undefined;
  }
}

function fileName(name: CheckName): string {
  return `last-${name}.json`;
}
