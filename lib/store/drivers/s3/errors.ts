import { WhisperBackupError } from '../../../common/errors.ts';
import {
  BucketMissingError,
  DeniedError,
  NotFoundError,
  PermanentError,
  plainHttpReason,
  TransientError,
} from '../../errors.ts';

/** What a 404 without a name means: the object is not there, or the bucket. */
export type Subject = 'object' | 'bucket';

/** Passes, whatever the HTTP status. */
const TRANSIENT = new Set([
  'BadDigest',
  'BandwidthLimitExceeded',
  'IncompleteBody',
  'InternalError',
  'OperationAborted',
  'RequestThrottled',
  // The SDK has set its clock by the answer, so that the next try is signed with the right time.
  'RequestTimeTooSkewed',
  'RequestTimeout',
  'RequestTimeoutException',
  'ServiceUnavailable',
  'SlowDown',
  'SlowDownRead',
  'SlowDownWrite',
  'Throttling',
  'ThrottlingException',
  'TimeoutError',
  'TooManyRequests',
  'TooManyRequestsException',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
]);

/** Refused because of who asks. Some come with status 400. */
const DENIED = new Set([
  'AccessDenied',
  'AccountProblem',
  'AllAccessDisabled',
  'AuthorizationHeaderMalformed',
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidSecurity',
  'InvalidToken',
  'NotSignedUp',
  'SignatureDoesNotMatch',
  'TokenRefreshRequired',
]);

/** With the right region beside it, says that ours is wrong. */
const ELSEWHERE = new Set(['AuthorizationHeaderMalformed', 'IllegalLocationConstraintException']);

/** Not to be cured by waiting or by other credentials, though the status says 403 or 5xx. */
const PERMANENT: Readonly<Record<string, string>> = {
  InvalidObjectState: 'the object is archived; restore it to a readable storage class first',
  NotImplemented: 'the store does not support it',
  QuotaExceeded: 'the quota is used up; raise it, or keep fewer backups',
  XMinioStorageFull: 'the store is full',
};

/** How connections break, as Node and Deno name it. */
const BROKEN = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ERR_SOCKET_CONNECTION_TIMEOUT',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
  'UND_ERR_SOCKET',
]);

/**
 * Turns what the SDK threw into a store's error: by S3's code and the HTTP status, since some stores send no message.
 * An error that is ours already stays as it is. What the SDK attaches to its errors, headers and signed requests among
 * it, is left behind: it holds session tokens.
 *
 * @param doing what was tried, on what and where: `store "a.b/c" on s3:backups`.
 */
export function s3Error(error: unknown, doing: string, subject: Subject): WhisperBackupError {
  if (error instanceof WhisperBackupError) return error;
  return errorOf(readFailure(error), doing, subject);
}

/** The store's error for a failure that was taken apart, or that a batch told of one key. */
export function errorOf(failure: Failure, doing: string, subject: Subject): WhisperBackupError {
  const { name, status = 0, code } = failure;
  const message = (why: string) => `Cannot ${doing}: ${why} (${label(failure)})`;
  const options = { cause: plainCause(failure) };

  if (name === 'NoSuchBucket' || (status === 404 && subject === 'bucket')) {
    return new BucketMissingError(message('the bucket does not exist'), options);
  }
  if (status === 404 || name === 'NoSuchKey') return new NotFoundError(message('there is no such object'), options);
  if (status === 301 || (failure.region !== undefined && ELSEWHERE.has(name))) {
    const where = failure.region === undefined ? 'another region' : `region ${failure.region}`;
    return new PermanentError(message(`the bucket is in ${where}: give that one`), options);
  }
  const known = PERMANENT[name];
  if (known !== undefined) return new PermanentError(message(known), options);
  if (isCredentialsFailure(name)) return new DeniedError(message(credentialsReason(failure)), options);
  if (TRANSIENT.has(name) || isPassingStatus(status) || isBroken(failure)) {
    const retryAfter = parseRetryAfter(failure.headers['retry-after']);
    return new TransientError(message(passingReason(failure)), {
      ...options,
      ...(retryAfter === undefined ? {} : { retryAfter }),
    });
  }
  if (DENIED.has(name)) return new DeniedError(message('the store refuses these credentials'), options);
  if (status === 401 || status === 403) {
    return new DeniedError(message('the credentials are refused, or do not allow it'), options);
  }
  const plain = plainHttpReason(failure.message, code ?? '');
  if (plain !== undefined) return new PermanentError(message(plain), options);
  if (isCertificateFailure(code)) {
    return new PermanentError(
      message('the certificate of the store is not trusted; a CA bundle may be needed'),
      options,
    );
  }
  return new PermanentError(message(failure.message || 'the store refused'), options);
}

function isPassingStatus(status: number): boolean {
  // 307: a new bucket that not every server knows yet. 501 and 505: not supported. 507: full.
  return status === 307 || status === 408 || status === 429 || (status >= 500 && ![501, 505, 507].includes(status));
}

/** The connection broke, or brought what is no answer of S3. */
function isBroken({ status, code }: Failure): boolean {
  if (status !== undefined) return status < 300;
  // HPE_: what came is no HTTP.
  return code !== undefined && (BROKEN.has(code) || code.startsWith('HPE_'));
}

function passingReason({ status, name, message }: Failure): string {
  if (name === 'RequestTimeTooSkewed') return 'the clocks of this host and the store differ';
  if (name === 'BadDigest' || name.startsWith('XAmzContent')) return 'the body was damaged on its way';
  if (status === undefined) return message || 'the connection failed';
  if (status < 300) return 'the answer cannot be understood';
  return 'the store is busy or has failed';
}

function isCredentialsFailure(name: string): boolean {
  return name === 'CredentialsProviderError' || name === 'TokenProviderError';
}

function credentialsReason({ message }: Failure): string {
  // Of a program that prints credentials, the message holds what it printed.
  const told = message === '' || message.startsWith('Command failed') ? '' : `: ${message}`;
  return `no credentials could be had from the environment, profile, web identity, container or instance${told}`;
}

function isCertificateFailure(code: string | undefined): boolean {
  return code !== undefined && /CERT|^UNABLE_TO_|^ERR_TLS|^HOSTNAME_MISMATCH$/.test(code);
}

/** Names the failure: `SlowDown, 503`; `ECONNRESET`. */
function label({ name, status, code }: Failure): string {
  const named = ['Error', 'Unknown', 'UnknownError'].includes(name) ? [] : [name];
  const numbered = status === undefined ? [] : [`HTTP ${status}`];
  const parts = [...named, ...numbered, ...(code === undefined || code === name ? [] : [code])];
  return parts.join(', ') || 'no more is known';
}

/** A cause with nothing attached to it. */
function plainCause(failure: Failure): Error {
  const request = failure.headers['x-amz-request-id'];
  const cause = new Error(request === undefined ? label(failure) : `${label(failure)}, request ${request}`);
  cause.name = failure.name;
  return cause;
}

/** What an error of the SDK, of the network, or of one key in a batch tells, whatever its class. */
interface Failure {
  /** S3's error code, `NoSuchKey`; or the class of an error that is not S3's. */
  readonly name: string;
  /** What the server or the system says; it may be empty. */
  readonly message: string;
  /** HTTP status, when the server answered. */
  readonly status?: number;
  /** The system's error code, `ECONNRESET`. */
  readonly code?: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The region in which the store says that the bucket is. */
  readonly region?: string;
}

/** Takes apart an error that the SDK threw. S3-like stores leave out what they like, so nothing is believed to be there. */
export function readFailure(error: unknown): Failure {
  const fields = record(error);
  const { httpStatusCode } = record(fields['$metadata']);
  const response = record(fields['$response']);
  const status = httpStatusCode ?? response['statusCode'];
  const headers = Object.fromEntries(
    Object.entries(record(response['headers'])).map(([name, value]) => [name.toLowerCase(), String(value)]),
  );
  const region = headers['x-amz-bucket-region'] ?? fields['Region'];
  return {
    name: text(fields['name']) ?? 'Error',
    message: messageOf(fields),
    ...(typeof status === 'number' && status > 0 ? { status } : {}),
    ...(typeof fields['code'] === 'string' ? { code: fields['code'] } : {}),
    headers,
    ...(typeof region === 'string' ? { region } : {}),
  };
}

/** What the SDK puts where a server sent no message. */
const NO_MESSAGE = new Set(['UnknownError', 'Unknown']);

function messageOf(fields: Readonly<Record<string, unknown>>): string {
  const message = text(fields['message']) ?? '';
  return NO_MESSAGE.has(message) ? '' : message;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  // Any object may be read by name: what is not there is undefined.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/**
 * How long a `Retry-After` header asks to wait, in milliseconds: seconds, or a date (RFC 9110, section 10.2.3).
 *
 * @returns undefined without the header, or when it cannot be understood.
 */
export function parseRetryAfter(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
