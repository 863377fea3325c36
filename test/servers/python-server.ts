import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** A program that says `ready` when it serves, and ends itself and its children when its standard input ends. */
export interface PythonServer {
  readonly pid: number;
  /** Writes it a line, and resolves when it says `done`. */
  tell(command: string): Promise<void>;
  /** Ends it, and resolves when it is gone. */
  stop(): Promise<void>;
}

/**
 * Starts a script with Debian's Python.
 *
 * @param log what it prints besides goes into this file, and into the error when it does not come up.
 */
export async function startPython(script: URL, args: readonly string[], log: string): Promise<PythonServer> {
  const child = spawn('/usr/bin/python3', [fileURLToPath(script), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', PYTHONDONTWRITEBYTECODE: '1', LANG: 'C.UTF-8' },
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.stderr.pipe(createWriteStream(log));
  child.stdin.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    const fail = async (why: string) => {
      child.stdin.end();
      await ended;
      const told = await readFile(log, 'utf8').catch(() => '');
      reject(new Error(`${fileURLToPath(script)} ${why}:\n${told.slice(-4000)}`));
    };
    const timer = setTimeout(fail, 180_000, 'was not ready within 180 s');
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
      if (!output.includes('ready\n')) return;
      clearTimeout(timer);
      child.removeAllListeners('exit');
      resolve();
    });
    child.once('exit', () => {
      clearTimeout(timer);
      void fail('ended');
    });
  });
  return {
    pid: child.pid ?? 0,
    async tell(command) {
      const done = new Promise<void>((resolve, reject) => {
        child.once('close', () => reject(new Error(`${fileURLToPath(script)} ended on ${command}; see ${log}`)));
        child.stdout.once('data', () => resolve());
      });
      child.stdin.write(`${command}\n`);
      await done;
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}
