import { setTimeout as wait } from 'node:timers/promises';

/**
 * Waits a random time, so that the hosts of a fleet do not all start at once.
 *
 * @param seconds maximum wait.
 * @param onDelay called with the delay in seconds before waiting.
 * @throws the reason of the signal if it is aborted.
 */
export async function splay(seconds: number, signal: AbortSignal, onDelay: (seconds: number) => void): Promise<void> {
  if (seconds <= 0) return;
  const delay = Math.random() * seconds;
  onDelay(delay);
  try {
    await wait(delay * 1000, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
