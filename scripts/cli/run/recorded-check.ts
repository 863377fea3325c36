import { reasonOf } from '../../../lib/common/errors.ts';
import { type Check, type CheckName, writeCheck } from '../../../lib/monitoring/check-files.ts';
import type { Part } from '../../../lib/operations/shared/part.ts';
import { exitCodeOfError } from './exit-code.ts';
import type { Invocation } from './invocation.ts';
import { partialBy } from './partial-run.ts';

/**
 * Runs a check of the configured bucket, and leaves on the host how it went. A check of less than this host's bucket, of
 * one that was typed, and a dry run leave nothing.
 *
 * @param part which part of the metrics; all of them if nothing is given.
 * @returns the exit code.
 */
export async function runCheck(
  invocation: Invocation,
  { name, part }: { readonly name: CheckName; readonly part?: Part },
  check: () => Promise<number>,
): Promise<number> {
  const { config, configured, interruption, log, option, output } = invocation;
  const isNarrowed = option('date') !== undefined || option('since') !== undefined;
  const isRecorded = configured.storage !== undefined && !config.noop && config.storage !== 'noop' && !isNarrowed;
  if (!isRecorded || (await partialBy(invocation)).length > 0) return check();

  const began = {
    part: part ? `${part.number}/${part.of}` : null,
    started: new Date().toISOString(),
    finished: null,
    exitCode: null,
  };
  const leave = async (end: Partial<Check>) => {
    try {
      await writeCheck(config.stateDir, name, { ...began, ...end });
    } catch (error) {
      log.warn(`Cannot leave how this ${name} went in ${config.stateDir}: ${reasonOf(error)}: see --state-dir`);
    }
  };
  await leave({});
  const ended = (exitCode: number) => ({ finished: new Date().toISOString(), exitCode });
  try {
    const code = await check();
    await leave({ ...ended(code), ...(output.failure && { error: reasonOf(output.failure) }) });
    return code;
  } catch (error) {
    await leave({ ...ended(interruption.exitCode ?? exitCodeOfError(error)), error: reasonOf(error) });
    throw error;
  }
}
