import { connect } from 'node:net';

export interface Point {
  readonly metric: string;
  readonly value: number;
  /** Unix time in seconds. */
  readonly timestamp: number;
}

/**
 * Sends points to carbon's plaintext listener over TCP. Carbon does not acknowledge points: they count as sent when the
 * kernel has taken the bytes and carbon has closed the connection or the deadline has passed.
 *
 * @param address `host:port`, e.g. `carbon.example.org:2003` or `[::1]:2003`.
 * @param deadline seconds for the whole call.
 * @throws Error of the connection, or when the bytes were not sent before the deadline.
 */
export function sendPoints(address: string, points: readonly Point[], deadline: number): Promise<void> {
  const lines = points.map(({ metric, value, timestamp }) => `${metric} ${value} ${timestamp}\n`).join('');
  return new Promise((resolve, reject) => {
    const socket = connect(parseAddress(address));
    const timer = setTimeout(() => {
      const late = socket.writableFinished ? undefined : new Error(`the points were not sent within ${deadline} s`);
      socket.destroy(late);
    }, deadline * 1000);
    let failure: Error | undefined;
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', () => {
      clearTimeout(timer);
      if (failure) reject(failure);
      else resolve();
    });
    // Drain and ignore the reply: unread bytes would reset the connection.
    socket.resume();
    socket.end(lines);
  });
}

function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}
