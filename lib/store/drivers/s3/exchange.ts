import type { Answer } from '../http/client.ts';
import type { Subject } from './errors.ts';
import type { ObjectRequest } from './objects.ts';

/** A bucket to which requests are sent without the SDK. */
export interface Exchanger {
  /** For messages: `s3:backups`. */
  readonly name: string;
  /** @returns the response if it is successful. @throws StoreError */
  exchange(request: ObjectRequest, subject: Subject): Promise<Answer>;
}

/** The maximum size of a response that has no body of note. */
export const ANSWER_BYTES = 64 * 1024;

/**
 * Reads a setting of the bucket.
 *
 * @param name `versioning`, `object-lock`
 * @returns XML.
 * @throws StoreError; NotFoundError if there is none.
 */
export async function readSetting(
  bucket: Exchanger,
  name: string,
  doing: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const request = {
    method: 'GET',
    key: '',
    parameters: { [name]: '' },
    maxBytes: ANSWER_BYTES,
    doing,
    signal,
  } as const;
  return new TextDecoder().decode((await bucket.exchange(request, 'object')).body);
}
