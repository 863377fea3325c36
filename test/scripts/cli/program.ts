import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { StateDirectory } from '../../fixtures/state-directory.ts';

/** How a run of the program ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly pid: number;
  /** Resolves when standard error has shown this. */
  shown(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
  /** The signal that ended it, if one did; known once it has ended. */
  readonly endedBy: () => NodeJS.Signals | null;
}

export interface StartOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The program to start instead of the launcher; Node only. */
  readonly launcher?: string;
}

export const isDeno = 'Deno' in globalThis;

export const launcher: string = fileURLToPath(new URL('../../../scripts/whisper-backup', import.meta.url));

/** Starts the program on the runtime that runs the test. */
export function start(args: readonly string[], options: StartOptions = {}): Started {
  const [command = '', ...first] = isDeno
    ? [process.execPath, 'run', '-A', `${launcher}.ts`]
    : [process.execPath, options.launcher ?? launcher];
  const state = new StateDirectory();
  const child = spawn(command, [...first, ...args], {
    cwd: options.cwd ?? '/',
    // Nothing of a test is to be remembered on the host.
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '/',
      WHISPER_BACKUP_NO_CACHE: 'true',
      // Tests of a store that fails would wait for minutes.
      WHISPER_BACKUP_RETRY_FOR: '2s',
      ...state.environment,
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  let endedBy: NodeJS.Signals | null = null;
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      endedBy = signal;
      resolve({ code, stdout, stderr });
    });
  }).finally(() => state[Symbol.dispose]());
  return {
    pid: child.pid ?? 0,
    ended,
    endedBy: () => endedBy,
    // Not child.kill: Deno then gives no exit code, whatever the child ended with.
    kill: (signal) => void process.kill(child.pid ?? 0, signal),
    async shown(text) {
      const until = Date.now() + 120_000;
      while (!stderr.includes(text)) {
        if (Date.now() > until) throw new Error(`Never shown: ${text}; but:\n${stderr}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}

/** Runs the program to its end. */
export function run(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  return start(args, options).ended;
}
