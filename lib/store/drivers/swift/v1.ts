import { PermanentError } from '../../errors.ts';
import { swiftError } from './errors.ts';
import type { Send } from './exchange.ts';
import { headerText } from './headertext.ts';
import type { SwiftV1 } from './options.ts';
import type { Access } from './session.ts';

/** Auth v1: user and key in headers, token and account in headers (Swift's manual, "Auth System", TempAuth). */
export async function v1Login({ authUrl, user, key }: SwiftV1, send: Send): Promise<Access> {
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
