import { abortable } from './abortable.ts';
import { TransientError } from './errors.ts';

/**
 * Runs one call with a deadline: its signal aborts then, and the promise rejects then, even if the call pays no heed to
 * its signal. So a connection that stalls costs its deadline, never the run.
 *
 * Not `AbortSignal.timeout`: on Node its timer does not keep the process alive, which would end, with a call hung,
 * before the deadline.
 *
 * @param seconds how long the call may take.
 * @param what for the message: `get "a.b/c" from s3:backups`.
 * @throws TransientError at the deadline; the reason of `signal` when that aborts.
 */
export async function withDeadline<T>(
  seconds: number,
  what: string,
  signal: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(() => {
    controller.abort(new TransientError(`Cannot ${what}: no answer within ${seconds} s`));
  }, seconds * 1000);
  try {
    return await abortable(call(controller.signal), controller.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
