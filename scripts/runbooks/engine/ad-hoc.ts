import { exitCodes } from '../../cli/run/exit-code.ts';

/** The line that `ansible` prints before the output of a host: `h1 | CHANGED | rc=0 >>`, `h2 | UNREACHABLE! => {`. */
const HEADER = /^(\S+) \| ([A-Z]+)!?(?: \([^)\n]*\))? (?:\| rc=(-?\d+) >>|=> \{)/gm;

/**
 * Finds failures in the output of an `ansible` command. Its exit code is not enough: it is not that of the command, and 0
 * if there was no host.
 *
 * @param accepts exit codes of the command that count as success.
 * @returns the first problem; undefined if all hosts succeeded.
 */
export function remoteProblem(
  stdout: string,
  exitCode: number | null,
  accepts: readonly number[] = [0],
): string | undefined {
  let hosts = 0;
  for (const [, host, state, code] of stdout.matchAll(HEADER)) {
    hosts++;
    if (code === undefined) return `${host} ${state === 'UNREACHABLE' ? 'is unreachable' : 'failed'}`;
    if (!accepts.includes(Number(code))) return `the command on ${host} ended with exit code ${code}`;
  }
  if (exitCode !== 0 && (exitCode !== 2 || hosts === 0)) return `ansible ended with exit code ${exitCode ?? 'none'}`;
  return hosts === 0 ? 'ansible ran the command on no host' : undefined;
}

/** Returns whether the command failed because another run holds the lock on the host. */
export function isRunLocked(stdout: string): boolean {
  return [...stdout.matchAll(HEADER)].some(([, , , code]) => Number(code) === exitCodes.runLocked);
}
