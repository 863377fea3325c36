import { ConfigError, UsageError } from '../../../config/errors.ts';
import { InvalidOptionError, RunLockedError } from '../../../lib/common/errors.ts';
import type { Summary } from '../../../lib/common/summary.ts';
import { BucketMissingError, DeniedError } from '../../../lib/store/errors.ts';
import type { Output } from '../io/output.ts';
import { InterruptedError } from '../io/signals.ts';

/** The exit codes of all commands. Signals exit with 130 or 143. */
export const exitCodes = {
  done: 0,
  /** Not everything was attempted, a guard stopped something, nothing matched, or the results could not be written. */
  error: 1,
  usage: 2,
  /** Finished, but some metrics failed. */
  someFailed: 3,
  /** Verify found damage, or a drill restored a point with a wrong value. Takes precedence over other failures. */
  damaged: 4,
  bucketMissing: 10,
  runLocked: 11,
  denied: 12,
} as const;

/** Returns the exit code for an error that ended a command. */
export function exitCodeOfError(error: unknown): number {
  if (error instanceof InterruptedError) return error.exitCode;
  if (error instanceof UsageError || error instanceof ConfigError) return exitCodes.usage;
  if (error instanceof InvalidOptionError) return exitCodes.usage;
  if (error instanceof BucketMissingError) return exitCodes.bucketMissing;
  if (error instanceof RunLockedError) return exitCodes.runLocked;
  if (error instanceof DeniedError) return exitCodes.denied;
  return exitCodes.error;
}

/** Returns the exit code for a command that finished. */
export function exitCodeOfSummary(summary: Summary): number {
  const { damaged = 0, differing = 0 } = summary.counts;
  if (damaged > 0 || differing > 0) return exitCodes.damaged;
  if (summary.stopped !== undefined) return exitCodes.error;
  if ((summary.counts['failed'] ?? 0) > 0) return exitCodes.someFailed;
  return exitCodes.done;
}

/** Returns the exit code after the results were written: lost results turn success into an error. */
export function exitCodeOfOutput(code: number, output: Pick<Output, 'failure'>): number {
  return code === exitCodes.done && output.failure !== undefined ? exitCodes.error : code;
}
