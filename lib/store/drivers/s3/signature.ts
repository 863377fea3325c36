import { createHash, createHmac } from 'node:crypto';

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface Unsigned {
  readonly method: string;
  /** Encoded path as it is sent, without its query. */
  readonly path: string;
  /** Encoded parameters in the order of their names, each with `=`. @default none */
  readonly query?: string | undefined;
  /** Names in lower case, with `host`. All are signed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * Signs requests with Signature Version 4 (Amazon S3 API, "Authenticating Requests"). The SDK's signer takes several
 * times as long; `test/store/s3/signature.test.ts` compares the two.
 */
export class Signer {
  readonly #region: string;
  /** The derived key of a day. */
  #derived: { readonly secret: string; readonly day: string; readonly key: Uint8Array } | undefined;

  constructor(region: string) {
    this.#region = region;
  }

  /** @returns the headers to send. @param time the time of the store, in milliseconds since 1970. */
  sign({ method, path, query = '', headers, body }: Unsigned, keys: Keys, time: number): Record<string, string> {
    const date = `${new Date(time).toISOString().slice(0, 19).replaceAll(/[:-]/g, '')}Z`;
    const day = date.slice(0, 8);
    const payload = sha256(body);
    const signed: Record<string, string> = { ...headers, 'x-amz-content-sha256': payload, 'x-amz-date': date };
    if (keys.sessionToken !== undefined) signed['x-amz-security-token'] = keys.sessionToken;
    const names = Object.keys(signed).sort();
    const lines = names.map((name) => `${name}:${signed[name]?.trim().replaceAll(/\s+/g, ' ')}\n`).join('');
    const list = names.join(';');
    const canonical = `${method}\n${path}\n${query}\n${lines}\n${list}\n${payload}`;
    const scope = `${day}/${this.#region}/s3/aws4_request`;
    const text = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`;
    const signature = createHmac('sha256', this.#keyOf(keys.secretAccessKey, day)).update(text).digest('hex');
    signed['authorization'] =
      `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${list}, Signature=${signature}`;
    return signed;
  }

  #keyOf(secret: string, day: string): Uint8Array {
    if (this.#derived?.secret !== secret || this.#derived.day !== day) {
      const parts = [day, this.#region, 's3', 'aws4_request'];
      const derive = (key: Uint8Array, part: string): Uint8Array => createHmac('sha256', key).update(part).digest();
      this.#derived = { secret, day, key: parts.reduce(derive, Buffer.from(`AWS4${secret}`)) };
    }
    return this.#derived.key;
  }
}

/** Encodes a key for a path, as the SDK does: slashes stay, all else but unreserved characters is encoded. */
export function encodeKey(key: string): string {
  return encodeText(key).replaceAll('%2F', '/');
}

/** Encodes the parameters of a query for {@link Signer}; those without a value are left out. */
export function encodeQuery(parameters: Readonly<Record<string, string | undefined>>): string {
  return Object.keys(parameters)
    .sort()
    .flatMap((name) => {
      const value = parameters[name];
      return value === undefined ? [] : `${encodeText(name)}=${encodeText(value)}`;
    })
    .join('&');
}

function encodeText(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}
