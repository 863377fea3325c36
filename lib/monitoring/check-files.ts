import { join } from 'node:path';
import * as v from 'valibot';
import { codeOf, reasonOf, WhisperBackupError } from '../common/errors.ts';
import { readRegularFile } from '../system/regular-file.ts';
import { whyFileNotTrusted } from '../system/trust.ts';
import { openRuns, whyNotTrusted, writeAtomically } from './host-records.ts';

/*
 * The results of the last verify, drill and journal: `runs/last-verify.json` etc. in the state directory. They are separate from the run records, so that many of them cannot displace the record of the last full
 * backup.
 */

const time = v.pipe(v.string(), v.isoTimestamp());

export const checkSchema = v.object({
  /** The checked part of the metrics, as `n/t`; null for all. */
  part: v.nullable(v.string()),
  /** Name of the bucket. Older releases did not write it. */
  bucket: v.optional(v.string()),
  started: time,
  /** Null while it runs, and if it was killed. */
  finished: v.nullable(time),
  exitCode: v.nullable(v.number()),
  error: v.optional(v.string()),
});

const Schema = v.object({
  version: v.literal(1),
  last: checkSchema,
  /** The last check that failed, until a check of the same part or of everything succeeds. */
  failed: v.nullable(checkSchema),
  /** Start of the last one with exit code 0. Older releases did not write it. */
  succeeded: v.optional(v.nullable(time), null),
});

export type Check = v.InferOutput<typeof checkSchema>;
export type CheckName = 'verify' | 'drill' | 'journal';
type LastChecks = Omit<v.InferOutput<typeof Schema>, 'version'>;

/**
 * Writes the result of a check atomically.
 *
 * @throws Error as `openRuns` does.
 */
export async function writeCheck(stateDir: string, name: CheckName, last: Check): Promise<void> {
  const earlier = await readChecks(stateDir, name, () => {});
  const failed = last.exitCode === 0 || last.exitCode === null ? findUnresolved(name, last, earlier) : last;
  const succeeded = last.exitCode === 0 ? last.started : (succeededIn(last.bucket, earlier) ?? null);
  const runs = await openRuns(stateDir);
  try {
    await writeAtomically(runs, fileName(name), `${JSON.stringify({ version: 1, last, failed, succeeded })}\n`);
  } finally {
    runs.close();
  }
}

/** Returns the start of the last successful check, unless that was of another bucket. */
export function succeededIn(bucket: string | undefined, checks: LastChecks | undefined): string | undefined {
  const other = checks?.last.bucket;
  const isOther = other !== undefined && bucket !== undefined && other !== bucket;
  return isOther ? undefined : (checks?.succeeded ?? undefined);
}

/** Returns the earlier failed check that `last` does not resolve, or null. */
function findUnresolved(name: CheckName, last: Check, earlier: LastChecks | undefined): Check | null {
  // A check that never ended counts as failed when the next one starts.
  const failed = earlier?.last.finished === null && last.finished === null ? earlier.last : (earlier?.failed ?? null);
  const isWell = last.exitCode === 0 && (name !== 'verify' || last.part === null || last.part === failed?.part);
  return isWell ? null : failed;
}

/**
 * Reads the results of the last checks of a kind.
 *
 * @param onUnusable called with the reason if the file is not used.
 * @returns undefined if there is no usable result.
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
    if (codeOf(error) !== 'ENOENT') onUnusable(`Cannot use ${path}: ${reasonOf(error)}. The next ${name} replaces it.`);
    return undefined;
  }
}

function fileName(name: CheckName): string {
  return `last-${name}.json`;
}
