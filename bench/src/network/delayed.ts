import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { $ } from 'zx/core';

/** A running delay proxy. */
export interface Delayed {
  readonly port: number;
  /** Returns the number of requests since the last call. */
  take(): Promise<number>;
  stop(): Promise<void>;
}

/**
 * Starts a proxy before a server, which delays each round trip.
 *
 * @param milliseconds per round trip.
 */
export async function startDelayed(host: string, port: number, milliseconds: number): Promise<Delayed> {
  const script = fileURLToPath(new URL('delay-proxy.ts', import.meta.url));
  const shell = $({ stdio: ['pipe', 'pipe', 'inherit'], quiet: true });
  const proxy = shell`exec node --import tsx ${script} ${host} ${port} ${milliseconds}`;
  const lines = createInterface(proxy.stdout)[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('The delay proxy has ended');
    return Number(value);
  };
  return {
    port: await next(),
    take() {
      proxy.stdin.write('\n');
      return next();
    },
    async stop() {
      proxy.stdin.end();
      await proxy;
    },
  };
}
