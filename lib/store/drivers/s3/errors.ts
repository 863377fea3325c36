import { WhisperBackupError } from '../../../common/errors.ts';
import {
  BucketMissingError,
  DeniedError,
  NotFoundError,
  PermanentError,
  plainHttpReason,
  TransientError,
  type Trouble,
} from '../../errors.ts';
import { parseRetryAfter } from '../../retry-after.ts';
import { PROXY_LOGIN } from '../http/proxies.ts';
import { type Failure, readFailure } from './failure.ts';

/** What is missing after a 404 without an error code. */
export type Subject = 'object' | 'bucket';

/** Error codes to retry with any HTTP status. */
const TRANSIENT = new Set([
  'BadDigest',
  'BandwidthLimitExceeded',
  'IncompleteBody',
  'InternalError',
  'OperationAborted',
  'RequestThrottled',
  // The SDK has corrected its clock from the response, so the next attempt is signed with the right time.
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

/** Errors of the credentials. Some have status 400. */
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

/** The configured region is wrong if the response names another one. */
const WRONG_REGION = new Set(['AuthorizationHeaderMalformed', 'IllegalLocationConstraintException']);

/** Permanent errors, although the status is 403 or 5xx. */
const PERMANENT: Readonly<Record<string, string>> = {
  InvalidObjectState: 'the object is archived; restore it to a readable storage class first',
  NotImplemented: 'the store does not support it',
  QuotaExceeded: 'quota exceeded; raise it, or keep fewer backups',
  XMinioStorageFull: 'the store is full',
};

/** Codes of connection errors in Node and Deno. */
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
  'PROXY_UNREACHABLE',
  'UND_ERR_SOCKET',
]);

/** What to check if no connection can be made. */
const HINTS: Readonly<Record<string, string>> = {
  EAI_AGAIN: '; check endpoint= and region=, and the name service',
  ECONNREFUSED: '; check endpoint=, and whether the store runs',
  EHOSTUNREACH: '; check endpoint=, and the route to the store',
  ENETUNREACH: '; check endpoint=, and the route to the store',
  ENOTFOUND: '; check endpoint= and region=, and the name service',
};

/**
 * Turns an error of the SDK into a StoreError, by S3's error code and the HTTP status, because some stores send no
 * message. Returns our own errors unchanged. Drops the data that the SDK attaches to its errors, such as headers and
 * signed requests, because they contain session tokens.
 *
 * @param doing the action, for the message: `store "a.b/c" on s3:backups`.
 */
export function s3Error(error: unknown, doing: string, subject: Subject): WhisperBackupError {
  if (error instanceof WhisperBackupError) return error;
  return errorOf(readFailure(error), doing, subject);
}

/** Returns the StoreError for a parsed failure, or for that of one key in a batch. */
export function errorOf(failure: Failure, doing: string, subject: Subject): WhisperBackupError {
  const { name, status = 0, code } = failure;
  const message = (why: string) => `Cannot ${doing}: ${why} (${label(failure)})`;
  const options = { cause: plainCause(failure) };

  if (name === 'NoSuchBucket' || (status === 404 && subject === 'bucket')) {
    return new BucketMissingError(message('the bucket does not exist'), options);
  }
  if (status === 404 || name === 'NoSuchKey') return new NotFoundError(message('there is no such object'), options);
  // 307 is for a new bucket that some servers do not know yet.
  if ((status >= 300 && status < 400 && status !== 307) || (failure.region !== undefined && WRONG_REGION.has(name))) {
    return new PermanentError(message(redirectReason(failure)), options);
  }
  const known = PERMANENT[name];
  if (known !== undefined) return new PermanentError(message(known), options);
  if (isCredentialsFailure(name)) return new DeniedError(message(credentialsReason(failure)), options);
  if (TRANSIENT.has(name) || isTransientStatus(status) || isBroken(failure)) {
    const retryAfter = parseRetryAfter(failure.headers['retry-after']);
    return new TransientError(message(transientReason(failure)), {
      ...options,
      ...(retryAfter === undefined ? {} : { retryAfter }),
      trouble: troubleOf(failure, retryAfter),
    });
  }
  if (DENIED.has(name)) return new DeniedError(message('the store refuses these credentials'), options);
  if (status === 401 || status === 403) {
    return new DeniedError(message('the credentials are invalid or lack the permission'), options);
  }
  if (status === 407) return new PermanentError(message(PROXY_LOGIN), options);
  const plain = plainHttpReason(failure.message, code ?? '');
  if (plain !== undefined) return new PermanentError(message(plain), options);
  if (isCertificateFailure(code)) {
    return new PermanentError(
      message('the certificate of the store is not trusted; set a CA bundle if it has a private authority'),
      options,
    );
  }
  return new PermanentError(message(failure.message || 'the store rejected the request'), options);
}

function isTransientStatus(status: number): boolean {
  // 501 and 505: not supported. 507: full.
  return status === 307 || status === 408 || status === 429 || (status >= 500 && ![501, 505, 507].includes(status));
}

/** Whether the connection failed, or the response is not from S3. */
function isBroken({ status, code }: Failure): boolean {
  if (status !== undefined) return status < 300;
  // HPE_: the response is not HTTP.
  return code !== undefined && (BROKEN.has(code) || code.startsWith('HPE_'));
}

function troubleOf({ name, status }: Failure, retryAfter: number | undefined): Trouble {
  if (name === 'RequestTimeTooSkewed' || isDamaged(name)) return 'wrong';
  const isBusy = status === 429 || status === 503 || /SlowDown|Throttl|TooManyRequests|BandwidthLimit/.test(name);
  return isBusy || retryAfter !== undefined ? 'busy' : 'down';
}

/** Whether the store received other bytes than were sent. */
function isDamaged(name: string): boolean {
  return name === 'BadDigest' || name.startsWith('XAmzContent');
}

/** Redirects are not followed: the other host would have to be trusted with the data. The SDK does not, either. */
function redirectReason({ region, headers, endpoint }: Failure): string {
  if (region !== undefined) return `the bucket is in region ${region}; set region=${region}`;
  const { location = '' } = headers;
  const to = URL.canParse(location) ? new URL(location).origin : endpoint;
  if (to === undefined) return 'the bucket is in another region; set its region';
  return `the store redirects to ${to}; set that endpoint, or the region of the bucket`;
}

function transientReason(failure: Failure): string {
  const { status, name, message } = failure;
  if (status === 307) return redirectReason(failure);
  if (name === 'RequestTimeTooSkewed') return 'the clocks of this host and the store differ';
  if (isDamaged(name)) return 'the body was damaged in transit';
  if (status === undefined) return `${message || 'the connection failed'}${HINTS[failure.code ?? ''] ?? ''}`;
  if (status < 300) return 'the response is not valid';
  return 'the store is busy or has failed';
}

function isCredentialsFailure(name: string): boolean {
  return name === 'CredentialsProviderError' || name === 'TokenProviderError';
}

function credentialsReason({ message }: Failure): string {
  // The message about a failed credential process contains its output, which may be secret.
  const detail = message === '' || message.startsWith('Command failed') ? '' : `: ${message}`;
  return `no credentials found in the environment, profile, web identity, container or instance${detail}`;
}

function isCertificateFailure(code: string | undefined): boolean {
  return code !== undefined && /CERT|^UNABLE_TO_|^ERR_TLS|^HOSTNAME_MISMATCH$/.test(code);
}

/** Returns a short name of the failure: `SlowDown, HTTP 503`; `ECONNRESET`. */
function label({ name, status, code }: Failure): string {
  const named = ['Error', 'Unknown', 'UnknownError'].includes(name) ? [] : [name];
  const numbered = status === undefined ? [] : [`HTTP ${status}`];
  const parts = [...named, ...numbered, ...(code === undefined || code === name ? [] : [code])];
  return parts.join(', ') || 'no details';
}

/** Returns a cause without the data that the SDK attaches. */
function plainCause(failure: Failure): Error {
  const request = failure.headers['x-amz-request-id'];
  const cause = new Error(request === undefined ? label(failure) : `${label(failure)}, request ${request}`);
  cause.name = failure.name;
  return cause;
}
