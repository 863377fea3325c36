import { WhisperBackupError } from '../common/errors.ts';

export class StoreError extends WhisperBackupError {
  /** Whether a retry may succeed. */
  readonly transient: boolean = false;
}

/** There is no object with this key. */
export class NotFoundError extends StoreError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('NOT_FOUND', message, options);
  }
}

export class BucketMissingError extends StoreError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('BUCKET_MISSING', message, options);
  }
}

/** The credentials are invalid or lack the permission. */
export class DeniedError extends StoreError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('DENIED', message, options);
  }
}

/** The object is larger than the caller accepts. */
export class TooLargeError extends StoreError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('TOO_LARGE', message, options);
  }
}

/**
 * What a transient error shows of the store. `down`: no answer, or it failed. `busy`: it asks for fewer requests.
 * `wrong`: it answered, but not with what was stored or asked for, so that many retries are pointless.
 */
export type Trouble = 'down' | 'busy' | 'wrong';

/** A retry may succeed: a connection reset, a deadline, status 429 or 5xx. */
export class TransientError extends StoreError {
  override readonly transient = true;
  readonly trouble: Trouble;
  /** Milliseconds that the server requests to wait. */
  readonly retryAfter?: number;

  constructor(message: string, options: { cause?: unknown; retryAfter?: number; trouble?: Trouble } = {}) {
    super('TRANSIENT', message, options);
    const { retryAfter, trouble = retryAfter === undefined ? 'down' : 'busy' } = options;
    this.trouble = trouble;
    if (retryAfter !== undefined) this.retryAfter = retryAfter;
  }
}

/** A retry will not succeed: disk full, name too long, not supported. */
export class PermanentError extends StoreError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('PERMANENT', message, options);
  }
}

/** Creates an error of the class with this code, to restore errors from another thread; undefined for other codes. */
export function makeStoreError(code: string, message: string, options: { cause?: unknown }): StoreError | undefined {
  if (code === 'NOT_FOUND') return new NotFoundError(message, options);
  if (code === 'BUCKET_MISSING') return new BucketMissingError(message, options);
  if (code === 'DENIED') return new DeniedError(message, options);
  if (code === 'TOO_LARGE') return new TooLargeError(message, options);
  if (code === 'TRANSIENT') return new TransientError(message, options);
  if (code === 'PERMANENT') return new PermanentError(message, options);
  return undefined;
}

/** Errors of Node and Deno if the server does not reply to a TLS handshake with TLS; nearly always it is plain HTTP. */
const NOT_TLS = /wrong.version.number|InvalidContentType/i;

/** Returns the reason of a connection error if the server does not speak TLS on that port, else undefined. */
export function plainHttpReason(...messages: readonly string[]): string | undefined {
  if (!messages.some((text) => NOT_TLS.test(text))) return undefined;
  return 'the server does not speak TLS on this port; use http:// instead of https://, or the port for https';
}
