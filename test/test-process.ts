import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';

/** How long processes that have left the group may keep its output open after its end. */
const GRACE_MS = 5000;

/** `time` of bash includes all descendants that were waited for. */
const TIMED = 'TIMEFORMAT="%U %S"; { time "$@" 2>&4 3>&- 4>&-; } 4>&2 2>&3';

export interface TestProcessOptions extends Pick<SpawnOptions, 'cwd' | 'env'> {
  readonly limitSeconds: number;
}

/** How the process of a test file ended. */
export interface TestProcessEnd {
  /** Why it did not end well. */
  readonly problem: string | undefined;
  /** Standard output and standard error in order, without colors. */
  readonly output: string;
  readonly cpuSeconds: number;
}

/**
 * Runs a test file in a process group of its own, and kills the group after `limitSeconds`.
 *
 * @param command the program and its arguments.
 * @returns `kill` sends a signal to the group.
 */
export function startTests(
  command: readonly string[],
  { limitSeconds, ...options }: TestProcessOptions,
): { kill(signal: NodeJS.Signals): void; readonly ended: Promise<TestProcessEnd> } {
  const child = spawn('bash', ['-c', TIMED, 'bash', ...command], {
    ...options,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  return { kill: (signal) => killGroup(child, signal), ended: endOf(child, limitSeconds) };
}

async function endOf(child: ChildProcess, limitSeconds: number): Promise<TestProcessEnd> {
  let output = '';
  let times = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  child.stdio[3]?.on('data', (text) => {
    times += String(text);
  });
  let isLate = false;
  const limit = setTimeout(() => {
    isLate = true;
    killGroup(child, 'SIGKILL');
    setTimeout(() => {
      for (const stream of child.stdio) stream?.destroy();
    }, GRACE_MS).unref();
  }, limitSeconds * 1000);
  let problem: string | undefined;
  try {
    const [code, signal]: (string | number | null)[] = await once(child, 'close');
    if (code !== 0) problem = code === null ? `ended by ${signal}` : `exit code ${code}`;
  } catch (error) {
    problem = `cannot be started: ${error instanceof Error ? error.message : error}`;
  }
  clearTimeout(limit);
  if (isLate) problem = `it did not end within ${limitSeconds} s`;
  const cpuSeconds = times.split(' ').reduce((sum, time) => sum + Number(time), 0);
  return { problem, output: stripVTControlCharacters(output), cpuSeconds };
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
