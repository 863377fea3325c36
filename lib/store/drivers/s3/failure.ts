import type { Answer } from '../http/client.ts';

/** A parsed error of the SDK, of the network or of one key in a batch, or a parsed error response. */
export interface Failure {
  /** S3's error code, `NoSuchKey`; for other errors the name of the class. */
  readonly name: string;
  readonly message: string;
  /** HTTP status, if there was a response. */
  readonly status?: number;
  readonly code?: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The region of the bucket, if the store names it. */
  readonly region?: string;
  /** The host of the bucket, if the store names it. */
  readonly endpoint?: string;
}

/** Parses an error of the SDK. Any part may be missing, because S3-compatible stores omit some. */
export function readFailure(error: unknown): Failure {
  const fields = record(error);
  const { httpStatusCode } = record(fields['$metadata']);
  const response = record(fields['$response']);
  const status = httpStatusCode ?? response['statusCode'];
  const headers = Object.fromEntries(
    Object.entries(record(response['headers'])).map(([name, value]) => [name.toLowerCase(), String(value)]),
  );
  const region = headers['x-amz-bucket-region'] ?? fields['Region'];
  const endpoint = fields['Endpoint'];
  return {
    name: text(fields['name']) ?? 'Error',
    message: messageOf(fields),
    ...(typeof status === 'number' && status > 0 ? { status } : {}),
    ...(typeof fields['code'] === 'string' ? { code: fields['code'] } : {}),
    headers,
    ...(typeof region === 'string' ? { region } : {}),
    ...(typeof endpoint === 'string' ? { endpoint } : {}),
  };
}

/** Parses an error response. Any part may be missing, because S3-compatible stores and proxies omit some. */
export function failureOf({ status, headers, body }: Answer): Failure {
  const text = new TextDecoder().decode(body);
  const error = /<Error\b[^>]*>(.*)<\/Error>/s.exec(text)?.[1] ?? '';
  const element = (name: string) => unescapeXml(new RegExp(`<${name}>([^<]*)</${name}>`).exec(error)?.[1]);
  const region = headers['x-amz-bucket-region'] ?? element('Region');
  const endpoint = element('Endpoint');
  return {
    name: element('Code') ?? 'Error',
    message: element('Message') ?? '',
    status,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
    ...(region === undefined ? {} : { region: String(region) }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Replaces the predefined entities of XML. @returns undefined for no text. */
export function unescapeXml(value: string | undefined): string | undefined {
  const plain = value?.replaceAll(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => ENTITIES[name] ?? '').trim();
  return plain === '' ? undefined : plain;
}

/** Placeholders of the SDK for a missing message. */
const NO_MESSAGE = new Set(['UnknownError', 'Unknown']);

function messageOf(fields: Readonly<Record<string, unknown>>): string {
  const message = text(fields['message']) ?? '';
  return NO_MESSAGE.has(message) ? '' : message;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  // Reading a missing property of any object gives undefined.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
