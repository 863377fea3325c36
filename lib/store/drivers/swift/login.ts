import type { Send } from './exchange.ts';
import { keystoneLogin } from './keystone.ts';
import type { SwiftStoreOptions } from './options.ts';
import type { Access } from './session.ts';
import { v1Login } from './v1.ts';

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
