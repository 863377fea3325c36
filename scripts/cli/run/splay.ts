import { setTimeout as wait } from 'node:timers/promises';

/**
 * Waits a random time, so that a fleet does not start in one second.
 *
 * @param seconds the longest wait.
 * @param said is told how long it will be, in seconds.
 * @throws the signal's reason when it is aborted.
 */
export async function splay(seconds: number, signal: AbortSignal, said: (seconds: number) => void): Promise<void> {
  if (seconds <= 0) return;
  const chosen = Math.random() * seconds;
  said(chosen);
  try {
    await wait(chosen * 1000, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
