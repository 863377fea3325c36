import { exitCodes } from '../../cli/run/exit-code.ts';

/** What `ansible` prints of one host, ahead of the output there: `h1 | CHANGED | rc=0 >>`, `h2 | UNREACHABLE! => {`. */
const HEADER = /^(\S+) \| ([A-Z]+)!?(?: \([^)\n]*\))? (?:\| rc=(-?\d+) >>|=> \{)/gm;

/**
 * Judges a command that `ansible` ran on hosts. Ansible's own exit code does not tell how the command ended, and is 0
 * when there was no host.
 *
 * @param accepts exit codes of the command that are no failure.
 * @returns what is wrong with any of the hosts; undefined when all are well.
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

/** Whether the command on a host ended because another run of the tool is under way there. */
export function isRunLocked(stdout: string): boolean {
  return [...stdout.matchAll(HEADER)].some(([, , , code]) => Number(code) === exitCodes.runLocked);
}
