import { WhisperBackupError } from '../common/errors.ts';

/** The base of what a store throws. `transient` says whether trying again may help. */
export class StoreError extends WhisperBackupError {
  readonly transient: boolean = false;
}

/** No object has this key. */
export class NotFoundError extends StoreError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('NOT_FOUND', message, options);
  }
}

/** The bucket itself is not there. */
export class BucketMissingError extends StoreError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('BUCKET_MISSING', message, options);
  }
}

/** The credentials are refused, or do not allow this. */
export class DeniedError extends StoreError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('DENIED', message, options);
  }
}

/** The object is larger than the caller can take. */
export class TooLargeError extends StoreError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('TOO_LARGE', message, options);
  }
}

/** Try again: a reset, a stall, a deadline, a 429 or 5xx. */
export class TransientError extends StoreError {
  override readonly transient = true;
  /** How long the server asks us to wait, in milliseconds. */
  readonly retryAfter?: number;

  constructor(message: string, options?: { cause?: unknown; retryAfter?: number }) {
    super('TRANSIENT', message, options);
    if (options?.retryAfter !== undefined) this.retryAfter = options.retryAfter;
  }
}

/** Trying again will not help: disk full, name too long, not supported. */
export class PermanentError extends StoreError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('PERMANENT', message, options);
  }
}

/** The error that a code belongs to: gives what comes from another thread its class back. */
export function makeStoreError(code: string, message: string, options: { cause?: unknown }): StoreError | undefined {
  if (code === 'NOT_FOUND') return new NotFoundError(message, options);
  if (code === 'BUCKET_MISSING') return new BucketMissingError(message, options);
  if (code === 'DENIED') return new DeniedError(message, options);
  if (code === 'TOO_LARGE') return new TooLargeError(message, options);
  if (code === 'TRANSIENT') return new TransientError(message, options);
  if (code === 'PERMANENT') return new PermanentError(message, options);
  return undefined;
}

/** What Node and Deno say of a server that answers a TLS handshake with something else, which is HTTP nearly always. */
const NOT_TLS = /wrong.version.number|InvalidContentType/i;

/** The reason to name when the connection to a server failed since it does not speak TLS on that port. */
export function plainHttpReason(...told: readonly string[]): string | undefined {
  if (!told.some((text) => NOT_TLS.test(text))) return undefined;
  return 'the server does not speak TLS on this port; write http:// for https://, or give its port for https';
}
