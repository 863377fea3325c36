import { PermanentError } from '../../errors.ts';
import { type Answer, type Exchange, headerOf } from '../http/client.ts';
import { swiftError } from './errors.ts';
import { keystoneLogin } from './keystone.ts';
import type { SwiftStoreOptions, SwiftV1 } from './options.ts';
import type { Access } from './session.ts';

/** Sends a request to any URL. */
export type Send = (request: SendRequest) => Promise<Answer>;

export interface SendRequest extends Omit<Exchange, 'origin' | 'path'> {
  readonly url: string;
}

/**
 * Logs in with the method in the options.
 *
 * @throws DeniedError if the credentials are refused.
 * @throws InvalidOptionError if the catalog does not have the endpoint.
 */
export async function login(options: SwiftStoreOptions, send: Send): Promise<Access> {
  const { auth, storageUrl } = options;
  const access = auth.method === 'v1' ? await v1Login(auth, send) : await keystoneLogin(auth, options, send);
  return { ...access, storageUrl: (storageUrl ?? access.storageUrl).replace(/\/+$/, '') };
}

/** Encodes a header value with one character per byte of UTF-8, as HTTP requires. */
export function headerText(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

/** Logs in with auth v1, with user, key, token and account in headers (Swift's manual, "Auth System", TempAuth). */
async function v1Login({ authUrl, user, key }: SwiftV1, send: Send): Promise<Access> {
  const doing = `log in at ${authUrl} as ${JSON.stringify(user)}`;
  const answer = await send({
    method: 'GET',
    url: authUrl,
    headers: { 'x-auth-user': headerText(user), 'x-auth-key': headerText(key) },
    maxBytes: 64 * 1024,
    doing,
    signal: undefined,
  });
  const { status } = answer;
  if (status === 404 || status === 405) {
    throw new PermanentError(
      `Cannot ${doing}: the server has no login at this URL (${status}). Set the URL of auth v1, e.g. https://swift.example.org/auth/v1.0`,
    );
  }
  if (status < 200 || status >= 300) throw swiftError(answer, doing, [key]);
  const token = headerOf(answer, 'x-auth-token') ?? headerOf(answer, 'x-storage-token');
  const storageUrl = headerOf(answer, 'x-storage-url');
  if (!token || !storageUrl || !URL.canParse(storageUrl)) {
    throw new PermanentError(
      `Cannot ${doing}: the response has no token and account; check that this is the URL of auth v1`,
    );
  }
  const seconds = Number(headerOf(answer, 'x-auth-token-expires') ?? Number.NaN);
  return { token, storageUrl, ...(seconds > 0 && { lifetime: seconds }) };
}
