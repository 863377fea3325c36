import { abortable } from '../../deadline.ts';
import type { Keys } from './signature.ts';

/** Codes of S3 for keys that have expired or were replaced. */
const EXPIRED = new Set([
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidToken',
  'TokenRefreshRequired',
]);

/** Keys are not renewed again for this time, since otherwise each refused request would try. */
const PAUSE_MS = 10_000;

/** The keys of all requests. They are renewed once when they are refused as expired. */
export class Credentials {
  readonly #provide: (renew: boolean) => Keys | Promise<Keys>;
  #renewing: Promise<Keys> | undefined;
  #renewedAt = Number.NEGATIVE_INFINITY;

  /** @param provide returns the current keys, or with `renew` reads them again from where they come from. */
  constructor(provide: (renew: boolean) => Keys | Promise<Keys>) {
    this.#provide = provide;
  }

  /** Returns the current keys, not as a promise if possible. */
  current(signal: AbortSignal | undefined): Keys | Promise<Keys> {
    const keys = this.#provide(false);
    return keys instanceof Promise ? abortable(keys, signal) : keys;
  }

  /**
   * Renews refused keys.
   *
   * @param code the error code of the store.
   * @returns whether there are other keys now, with which to send the request again.
   */
  async renew(refused: Keys, code: string, signal: AbortSignal | undefined): Promise<boolean> {
    if (!EXPIRED.has(code)) return false;
    const isNew = ({ accessKeyId, sessionToken }: Keys) =>
      accessKeyId !== refused.accessKeyId || sessionToken !== refused.sessionToken;
    if (isNew(await this.current(signal))) return true;
    if (!this.#renewing && performance.now() < this.#renewedAt + PAUSE_MS) return false;
    this.#renewedAt = performance.now();
    this.#renewing ??= Promise.resolve(this.#provide(true)).finally(() => {
      this.#renewing = undefined;
    });
    // Where no keys can be had, the refusal is the better message.
    return abortable(
      this.#renewing.then(isNew, () => false),
      signal,
    );
  }
}
