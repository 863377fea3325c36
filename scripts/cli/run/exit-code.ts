import { ConfigError, UsageError } from '../../../config/errors.ts';
import { InvalidOptionError, RunLockedError } from '../../../lib/common/errors.ts';
import type { Summary } from '../../../lib/common/summary.ts';
import { BucketMissingError, DeniedError } from '../../../lib/store/errors.ts';
import type { Output } from '../io/output.ts';
import { InterruptedError } from '../io/signals.ts';

/** The exit codes, the same for every command. Those of signals are 130 and 143. */
export const exitCodes = {
  done: 0,
  /** An error: nothing, or not all, was attempted, a guard stopped something, nothing matched, or no results got out. */
  error: 1,
  usage: 2,
  /** Finished, but some metrics failed. */
  someFailed: 3,
  /** Verification found damage, or a drill that a restored point is another one, whatever else happened. */
  damaged: 4,
  bucketMissing: 10,
  runLocked: 11,
  denied: 12,
} as const;

/** The exit code for what ended a command. */
export function exitCodeOfError(error: unknown): number {
  if (error instanceof InterruptedError) return error.exitCode;
  if (error instanceof UsageError || error instanceof ConfigError) return exitCodes.usage;
  if (error instanceof InvalidOptionError) return exitCodes.usage;
  if (error instanceof BucketMissingError) return exitCodes.bucketMissing;
  if (error instanceof RunLockedError) return exitCodes.runLocked;
  if (error instanceof DeniedError) return exitCodes.denied;
  return exitCodes.error;
}

/** The exit code for a command that came to its end. */
export function exitCodeOfSummary(summary: Summary): number {
  const { damaged = 0, differing = 0 } = summary.counts;
  if (damaged > 0 || differing > 0) return exitCodes.damaged;
  if (summary.stopped !== undefined) return exitCodes.error;
  if ((summary.counts['failed'] ?? 0) > 0) return exitCodes.someFailed;
  return exitCodes.done;
}

/** The exit code of a command once its results were written: results that were lost are an error, unless it has another. */
export function exitCodeOfOutput(code: number, output: Pick<Output, 'failure'>): number {
  return code === exitCodes.done && output.failure !== undefined ? exitCodes.error : code;
}
