import { hostname } from 'node:os';
import { rootOf } from '../../../lib/bucket/layout.ts';
import { reasonOf } from '../../../lib/common/errors.ts';
import type { Summary } from '../../../lib/common/summary.ts';
import type { FinishedRun, ReportingCommand } from '../../../lib/monitoring/figures.ts';
import { exitCodeOfError } from './exit-code.ts';
import type { Invocation } from './invocation.ts';
import { placeOf } from './operation-options.ts';
import { partialFor } from './partial-run.ts';

/** Timeout for carbon, in seconds. */
const TIMEOUT_SECONDS = 5;

/**
 * Runs a task and then sends its figures to carbon, if one is configured. Sends them even if the task threw, but not for
 * dry runs, and backups, journals and prunes of a part of the metrics. If carbon cannot be reached, logs a warning and keeps
 * the exit code.
 *
 * @param task must pass its summary to `ended`, which returns it.
 * @returns the exit code of the task.
 */
export async function sendingFigures(
  invocation: Invocation,
  command: ReportingCommand,
  task: (ended: (summary: Summary) => Summary) => Promise<number>,
): Promise<number> {
  const { carbon, noop } = invocation.config;
  const isSilent = carbon === undefined || noop || (await partialFor(command, invocation)).length > 0;
  if (isSilent) return task((summary) => summary);
  const began = performance.now();
  let summary: Summary | undefined;
  const send = (exitCode: number) => {
    const seconds = Math.round(performance.now() - began) / 1000;
    const finished = new Date().toISOString();
    const run = { host: command === 'prune' ? bucketOf(invocation) : hostname(), command, finished, seconds, exitCode };
    return report(invocation, summary ? { ...run, summary } : run);
  };
  let exitCode: number;
  try {
    exitCode = await task((one) => {
      summary = one;
      return one;
    });
  } catch (error) {
    await send(invocation.interruption.exitCode ?? exitCodeOfError(error));
    throw error;
  }
  await send(exitCode);
  return exitCode;
}

/** Returns the bucket, with the storage path if several hosts share it. */
function bucketOf({ config }: Invocation): string {
  return `${config.bucket}/${rootOf(placeOf(config))}`.replace(/\/+$/, '');
}

async function report({ config, log }: Invocation, run: FinishedRun): Promise<void> {
  const { carbon, carbonPrefix } = config;
  if (carbon === undefined) return;
  try {
    const [{ pointsOf }, { sendPoints }] = await Promise.all([
      import('../../../lib/monitoring/figures.ts'),
      import('../../../lib/carbon/plaintext.ts'),
    ]);
    await sendPoints(carbon, pointsOf(run, carbonPrefix), TIMEOUT_SECONDS);
    log.debug(`Sent the figures of this run to carbon at ${carbon}`);
  } catch (error) {
    log.warn(`Cannot send the figures of this run to carbon at ${carbon}: ${reasonOf(error)}: see --carbon`);
  }
}
