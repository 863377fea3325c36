import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A running delay proxy. */
export interface Delayed {
  readonly port: number;
  /** Returns the number of requests since the last call. */
  take(): Promise<number>;
  stop(): void;
}

/**
 * Starts a proxy before a server, which delays each round trip.
 *
 * @param milliseconds per round trip.
 */
export async function startDelayed(host: string, port: number, milliseconds: number): Promise<Delayed> {
  const script = fileURLToPath(new URL('delay-proxy.ts', import.meta.url));
  const words = ['--import', 'tsx', script, host, String(port), String(milliseconds)];
  // Not by zx, which reads the output of a process to its end.
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('The delay proxy has ended');
    return Number(value);
  };
  return {
    port: await next(),
    take() {
      child.stdin.write('\n');
      return next();
    },
    stop: () => child.stdin.end(),
  };
}
