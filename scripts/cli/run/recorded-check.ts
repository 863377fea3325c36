import { pathReason, reasonOf } from '../../../lib/common/errors.ts';
import { type Check, type CheckName, writeCheck } from '../../../lib/monitoring/check-files.ts';
import type { Part } from '../../../lib/operations/shared/part.ts';
import { bucketName } from './bucket-name.ts';
import { exitCodeOfError } from './exit-code.ts';
import type { Invocation } from './invocation.ts';
import { partialBy } from './partial-run.ts';

/**
 * Runs a verify, drill or journal and records its result on the host, for `status`. Dry runs, and checks of a part of the
 * bucket or of another bucket than the configured one, are not recorded.
 *
 * @param part the part of the metrics; default all.
 * @returns the exit code.
 */
export async function runCheck(
  invocation: Invocation,
  { name, part }: { readonly name: CheckName; readonly part?: Part },
  check: () => Promise<number>,
): Promise<number> {
  const { config, configured, interruption, log, option, output } = invocation;
  const isNarrowed = ['date', 'since', 'asOf'].some((name) => option(name) !== undefined);
  const isRecorded = configured.storage !== undefined && !config.noop && config.storage !== 'noop' && !isNarrowed;
  if (!isRecorded || (await partialBy(invocation)).length > 0) return check();

  const bucket = await bucketName(config);
  const began = {
    part: part ? `${part.number}/${part.of}` : null,
    ...(bucket !== undefined && { bucket }),
    started: new Date().toISOString(),
    finished: null,
    exitCode: null,
  };
  const leave = async (end: Partial<Check>) => {
    try {
      await writeCheck(config.stateDir, name, { ...began, ...end });
    } catch (error) {
      log.warn(
        `Cannot write the result of this ${name} to ${config.stateDir}: ${pathReason(error)}: status will not show it; see --state-dir`,
      );
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
