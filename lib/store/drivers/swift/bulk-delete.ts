import * as v from 'valibot';
import { TransientError } from '../../errors.ts';
import type { DeleteFailure } from '../../store.ts';
import { statusError } from './errors.ts';
import { objectPath } from './path.ts';
import type { Requests } from './requests.ts';

const infoSchema = v.object({
  bulk_delete: v.object({
    max_deletes_per_request: v.optional(v.pipe(v.number(), v.minValue(1)), 1000),
  }),
});

const count = v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0)), 0);
const resultSchema = v.object({
  'Number Deleted': count,
  'Number Not Found': count,
  'Response Status': v.string(),
  // Swift sends pairs, radosgw sends objects.
  Errors: v.optional(
    v.array(
      v.union([
        v.pipe(
          v.looseTuple([v.string(), v.string()]),
          v.transform(([name, status]) => ({ name, status })),
        ),
        v.pipe(
          v.object({ Name: v.string(), Status: v.string() }),
          v.transform(({ Name, Status }) => ({ name: Name, status: Status })),
        ),
      ]),
    ),
    [],
  ),
});

type Signalled = { readonly signal: AbortSignal | undefined };

/**
 * Reads from `/info` of the cluster how many objects one request may delete.
 *
 * @returns 0 if the cluster does not support bulk delete or has no `/info`.
 */
export async function bulkDeleteLimit(requests: Requests, name: string, { signal }: Signalled): Promise<number> {
  const doing = `read the features of ${name}`;
  const answer = await requests.info(doing, signal);
  if (answer.status >= 500 || answer.status === 429) throw requests.error(answer, doing);
  if (answer.status !== 200) return 0;
  try {
    const info = v.parse(infoSchema, JSON.parse(new TextDecoder().decode(answer.body)));
    return Math.floor(info.bulk_delete.max_deletes_per_request);
  } catch {
    return 0;
  }
}

export interface BulkResult {
  readonly failures: readonly DeleteFailure[];
  /** Keys for which the response does not show whether they were deleted. */
  readonly unclear: readonly string[];
}

/**
 * Deletes objects with one request (Swift's manual, "Bulk Delete"). The status is always 200, because it is sent before
 * the deletion starts; the result is in the body.
 *
 * @param keys without duplicates.
 * @throws TransientError if the response is not valid.
 * @throws StoreError of `requests.send`.
 */
export async function bulkDelete(
  requests: Requests,
  container: string,
  name: string,
  keys: readonly string[],
  { signal }: Signalled,
): Promise<BulkResult> {
  const doing = `delete ${keys.length} objects from ${name}`;
  const byPath = new Map(keys.map((key) => [decodeURIComponent(objectPath(container, key)), key]));
  const answer = await requests.send({
    method: 'POST',
    path: '',
    query: { 'bulk-delete': '' },
    headers: { 'content-type': 'text/plain', accept: 'application/json' },
    body: keys.map((key) => `${objectPath(container, key)}\n`).join(''),
    maxBytes: 16 * 1024 * 1024,
    doing,
    signal,
  });
  if (answer.status < 200 || answer.status >= 300) throw requests.error(answer, doing);
  const result = parse(answer.body, doing);
  const failures = new Map<string, DeleteFailure>();
  let named = true;
  for (const { name: path, status } of result.Errors) {
    const key = byPath.get(decoded(path).replace(/^\//, ''));
    if (key === undefined) named = false;
    // An expired token is reported for each object, never by the status. Single requests will renew it.
    else if (statusOf(status) !== 401) {
      const error = statusError(statusOf(status), `delete ${JSON.stringify(key)} from ${name}`, ' in a bulk delete');
      failures.set(key, { key, error });
    }
  }
  const accounted = result['Number Deleted'] + result['Number Not Found'] + failures.size === keys.length;
  const whole = statusOf(result['Response Status']) < 300 && result.Errors.length === 0;
  return {
    failures: [...failures.values()],
    unclear: named && accounted && (whole || failures.size > 0) ? [] : keys.filter((key) => !failures.has(key)),
  };
}

function parse(body: Uint8Array, doing: string): v.InferOutput<typeof resultSchema> {
  try {
    return v.parse(resultSchema, JSON.parse(new TextDecoder().decode(body)), { abortEarly: true });
  } catch (error) {
    throw new TransientError(`Cannot ${doing}: the response is not the result of a bulk delete`, { cause: error });
  }
}

/** `409 Conflict` */
function statusOf(text: string): number {
  const status = Number.parseInt(text, 10);
  return Number.isNaN(status) ? 500 : status;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
