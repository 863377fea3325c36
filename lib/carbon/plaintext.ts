import { connect } from 'node:net';

/** One line of carbon's plaintext protocol. */
export interface Point {
  readonly metric: string;
  readonly value: number;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

/**
 * Sends points to carbon's plaintext listener over TCP. Carbon confirms nothing: they count as sent when it has taken
 * the bytes and closed the connection, or at least taken the bytes before the deadline.
 *
 * @param address `host:port`, as in `carbon.example.org:2003` or `[::1]:2003`.
 * @param deadline in seconds, for all of it.
 * @throws the connection's error, or one that says that the deadline passed.
 */
export function sendPoints(address: string, points: readonly Point[], deadline: number): Promise<void> {
  const lines = points.map(({ metric, value, timestamp }) => `${metric} ${value} ${timestamp}\n`).join('');
  return new Promise((resolve, reject) => {
    const socket = connect(placeOf(address));
    const timer = setTimeout(() => {
      const late = socket.writableFinished ? undefined : new Error(`no connection within ${deadline} s`);
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
    // Whatever it says is not for us, but unread bytes would reset the connection.
    socket.resume();
    socket.end(lines);
  });
}

function placeOf(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}
