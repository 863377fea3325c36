/** What an error of the SDK, of the network, or of one key in a batch tells, whatever its class. */
export interface Failure {
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
