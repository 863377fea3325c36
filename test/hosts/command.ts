import { spawn } from 'node:child_process';

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Variables besides those of the test's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What it reads from standard input. @default nothing */
  readonly input?: string | Uint8Array;
  /** Keeps standard input open until then. @default it ends behind the input */
  readonly inputUntil?: AbortSignal;
  /** Sees standard output as it comes. */
  readonly onOutput?: (text: string) => void;
}

/** Runs a command to its end, however that is. */
export function runCommand(command: readonly string[], options: RunOptions = {}): Promise<Ended> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    options.onOutput?.(chunk);
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  // A command that does not read what it is given ends all the same.
  child.stdin.on('error', () => {});
  if (options.inputUntil) options.inputUntil.addEventListener('abort', () => child.stdin.end(options.input));
  else child.stdin.end(options.input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
