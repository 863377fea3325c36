import { InvalidOptionError } from '../../../common/errors.ts';
import { byteLength } from '../../key.ts';
import type { Proxies } from '../http/proxies.ts';

export interface SwiftStoreOptions {
  /** The bucket. At most 256 bytes, without `/`. */
  readonly container: string;
  readonly auth: SwiftAuth;
  /** Region in the service catalog; required if the catalog has several. @default the only one */
  readonly region?: string;
  /** Interface in the service catalog. @default 'public' */
  readonly interface?: 'public' | 'internal' | 'admin';
  /** The account's URL, `https://swift.example.org/v1/AUTH_…`. @default that of the login */
  readonly storageUrl?: string;
  /** PEM certificates of authorities to trust in addition to the usual ones. @default none */
  readonly caBundle?: string;
  /** Also for the login. @default none */
  readonly proxies?: Proxies;
  /** Objects in one page of a listing; a server rejects values above its limit. @default that of the server */
  readonly pageSize?: number;
  /** Read the container as it was at this moment, and write nothing. It needs versions. @default as it is */
  readonly asOf?: Date;
  /** Delete many objects with one request, if the server supports it. @default true */
  readonly bulkDelete?: boolean;
  /** Maximum number of concurrent single deletes. @default 16 */
  readonly concurrency?: number;
  /** Seconds for connecting. @default 10 */
  readonly connectTimeout?: number;
  /**
   * Seconds without data from the server. While a body is sent, which does not show progress, one second more for each
   * 64 KiB. @default 30
   */
  readonly idleTimeout?: number;
  /** Seconds for one request. @default 600 */
  readonly totalTimeout?: number;
  /** Called for each request sent, including those of a login. */
  readonly onRequest?: () => void;
}

export type SwiftAuth = SwiftV1 | KeystonePassword | KeystoneApplicationCredential;

/** Auth v1 of TempAuth, SWAuth and radosgw. */
export interface SwiftV1 {
  readonly method: 'v1';
  /** E.g. `https://swift.example.org/auth/v1.0`. */
  readonly authUrl: string;
  readonly user: string;
  readonly key: string;
}

/** Keystone v3 with a password, for a project. */
export interface KeystonePassword {
  readonly method: 'password';
  /** With or without `/v3` at its end. */
  readonly authUrl: string;
  readonly user: KeystoneName;
  readonly password: string;
  readonly project: KeystoneName;
}

/** Keystone v3 with an application credential, which determines the project. A name also needs the user. */
export type KeystoneApplicationCredential = {
  readonly method: 'application-credential';
  /** With or without `/v3` at its end. */
  readonly authUrl: string;
  readonly secret: string;
} & ({ readonly id: string } | { readonly name: string; readonly user: KeystoneName });

/** An id, or a name that is unique in a domain. */
export type KeystoneName =
  | { readonly id: string }
  | {
      readonly name: string;
      /** @default { id: 'default' } */
      readonly domain?: { readonly id: string } | { readonly name: string };
    };

/** Returns the values of `auth` that must never be shown. */
export function secretsOf(auth: SwiftAuth): readonly string[] {
  switch (auth.method) {
    case 'v1':
      return [auth.key];
    case 'password':
      return [auth.password];
    case 'application-credential':
      return [auth.secret];
  }
}

/**
 * Checks the options before the first request.
 *
 * @throws InvalidOptionError with a message without secrets.
 */
export function checkOptions(options: SwiftStoreOptions): void {
  const { container, auth, storageUrl } = options;
  const bytes = byteLength(container);
  if (bytes === 0 || bytes > 256 || /[/\0]/.test(container)) {
    throw new InvalidOptionError(
      `The name of a Swift container must have 1 to 256 bytes and no '/': got ${JSON.stringify(container)}`,
    );
  }
  checkUrl("'authUrl' (ST_AUTH, OS_AUTH_URL)", auth.authUrl);
  if (storageUrl !== undefined) checkUrl("'storageUrl'", storageUrl);
  for (const name of ['connectTimeout', 'idleTimeout', 'totalTimeout'] as const) {
    const seconds = options[name] ?? 1;
    // setTimeout fires immediately if the milliseconds exceed 31 bits.
    if (!(seconds > 0 && seconds <= 2_000_000)) {
      throw new InvalidOptionError(`'${name}' must be more than 0 and at most 2,000,000 seconds: got ${seconds}`);
    }
  }
}

/** @throws InvalidOptionError with a message that omits a URL with a password. */
export function checkUrl(what: string, text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.username !== '' || url.password !== '')) {
    throw new InvalidOptionError(`${what} must not contain a user or a password`);
  }
  if (!url || !/^https?:$/.test(url.protocol)) {
    const shown = text.includes('@') ? '' : `: got ${JSON.stringify(text)}`;
    throw new InvalidOptionError(`${what} must be a URL with http or https${shown}`);
  }
}
