import { InvalidOptionError } from '../../../common/errors.ts';
import { byteLength } from '../../key.ts';

export interface SwiftStoreOptions {
  /** The bucket. At most 256 bytes, without `/`. */
  readonly container: string;
  readonly auth: SwiftAuth;
  /** Which region of the service catalog. Needed where the catalog has several. @default the only one */
  readonly region?: string;
  /** Which endpoint of the service catalog. @default 'public' */
  readonly interface?: 'public' | 'internal' | 'admin';
  /** The account's URL, `https://swift.example.org/v1/AUTH_…`. @default what the login tells */
  readonly storageUrl?: string;
  /** Certificates of authorities, in PEM, that are trusted besides the usual ones. @default none */
  readonly caBundle?: string;
  /** Objects in one page of a listing; a server refuses more than it gives. @default what the server gives */
  readonly pageSize?: number;
  /** Delete many objects with one request, where the server has that. @default true */
  readonly bulkDelete?: boolean;
  /** Objects deleted at once by single requests. @default 16 */
  readonly concurrency?: number;
  /** How long connecting may take, in seconds. On Deno `idleTimeout` covers it. @default 10 */
  readonly connectTimeout?: number;
  /**
   * How long a server may send nothing, in seconds. While a body is sent to it, which shows no progress, it has a
   * second longer for each 64 KiB. @default 30
   */
  readonly idleTimeout?: number;
  /** How long one request may take in all, in seconds. @default 600 */
  readonly totalTimeout?: number;
  /** Told of each request that is sent, those of a login too. */
  readonly onRequest?: () => void;
}

export type SwiftAuth = SwiftV1 | KeystonePassword | KeystoneApplicationCredential;

/** Auth v1, as TempAuth, SWAuth and radosgw speak it. */
export interface SwiftV1 {
  readonly method: 'v1';
  /** E.g. `https://swift.example.org/auth/v1.0`. */
  readonly authUrl: string;
  /** E.g. `account:user`. */
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

/** Keystone v3 with an application credential, which knows its project. One given by name needs its user. */
export type KeystoneApplicationCredential = {
  readonly method: 'application-credential';
  /** With or without `/v3` at its end. */
  readonly authUrl: string;
  readonly secret: string;
} & ({ readonly id: string } | { readonly name: string; readonly user: KeystoneName });

/** What Keystone knows by its id, or by a name that is unique in a domain. */
export type KeystoneName =
  | { readonly id: string }
  | {
      readonly name: string;
      /** @default { id: 'default' } */
      readonly domain?: { readonly id: string } | { readonly name: string };
    };

/** The values of `auth` that must never be shown. */
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
 * Refuses what could never work, before anything is sent.
 *
 * @throws InvalidOptionError, which never shows a secret.
 */
export function checkOptions(options: SwiftStoreOptions): void {
  const { container, auth, storageUrl } = options;
  const bytes = byteLength(container);
  if (bytes === 0 || bytes > 256 || /[/\0]/.test(container)) {
    throw new InvalidOptionError(
      `A Swift container's name has 1 to 256 bytes and no '/': got ${JSON.stringify(container)}`,
    );
  }
  checkUrl("'authUrl' (ST_AUTH, OS_AUTH_URL)", auth.authUrl);
  if (storageUrl !== undefined) checkUrl("'storageUrl'", storageUrl);
  for (const name of ['connectTimeout', 'idleTimeout', 'totalTimeout'] as const) {
    const seconds = options[name] ?? 1;
    // setTimeout fires at once when its 31 bits overflow.
    if (!(seconds > 0 && seconds <= 2_000_000)) {
      throw new InvalidOptionError(`'${name}' must be more than 0 and at most 2,000,000 seconds: got ${seconds}`);
    }
  }
}

/** @throws InvalidOptionError, which does not show a URL that may hold a password. */
export function checkUrl(what: string, text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.username !== '' || url.password !== '')) {
    throw new InvalidOptionError(`${what} must hold no user and no password`);
  }
  if (!url || !/^https?:$/.test(url.protocol)) {
    const shown = text.includes('@') ? '' : `: got ${JSON.stringify(text)}`;
    throw new InvalidOptionError(`${what} must be a URL with http or https${shown}`);
  }
}
