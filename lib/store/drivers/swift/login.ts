import { PermanentError } from '../../errors.ts';
import { swiftError } from './errors.ts';
import type { Send } from './exchange.ts';
import { keystoneLogin } from './keystone.ts';
import type { SwiftStoreOptions, SwiftV1 } from './options.ts';
import type { Access } from './session.ts';

/**
 * Logs in, in the way that the options say.
 *
 * @throws DeniedError when the credentials are refused; InvalidOptionError when the catalog has no such endpoint.
 */
export async function login(options: SwiftStoreOptions, send: Send): Promise<Access> {
  const { auth, storageUrl } = options;
  const access = auth.method === 'v1' ? await v1Login(auth, send) : await keystoneLogin(auth, options, send);
  return { ...access, storageUrl: (storageUrl ?? access.storageUrl).replace(/\/+$/, '') };
}

/** A text as the value of a header: its bytes in UTF-8, one a character, which is all that `fetch` takes. */
export function headerText(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

/** Auth v1: user and key in headers, token and account in headers (Swift's manual, "Auth System", TempAuth). */
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
  const { status, headers } = answer;
  if (status === 404 || status === 405) {
    throw new PermanentError(
      `Cannot ${doing}: the server has no login at this URL (${status}): give that of auth v1, such as https://swift.example.org/auth/v1.0`,
    );
  }
  if (status < 200 || status >= 300) throw swiftError(answer, doing, [key]);
  const token = headers.get('x-auth-token') ?? headers.get('x-storage-token');
  const storageUrl = headers.get('x-storage-url');
  if (!token || !storageUrl || !URL.canParse(storageUrl)) {
    throw new PermanentError(`Cannot ${doing}: the answer has no token and account; is this the URL of auth v1?`);
  }
  const seconds = Number(headers.get('x-auth-token-expires') ?? Number.NaN);
  return { token, storageUrl, ...(seconds > 0 && { lifetime: seconds }) };
}
