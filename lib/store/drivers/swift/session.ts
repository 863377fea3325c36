import { abortable } from '../../deadline.ts';
import { DeniedError } from '../../errors.ts';

export interface Access {
  /** The account's URL, without a trailing slash. */
  readonly storageUrl: string;
  readonly token: string;
  /** Seconds for which the token is valid, if the server reports it. */
  readonly lifetime?: number;
}

/** A token is renewed this long before it expires, or a tenth of its lifetime if that is shorter. */
const MARGIN_SECONDS = 60;

/** After a refused login, no other is tried for this time, because many attempts could lock the user out. */
const REFUSAL_MS = 10_000;

/** A login that all requests share. It is renewed before it expires and after a refused request. */
export class Session {
  readonly #login: () => Promise<Access>;
  #current: Access | undefined;
  #renewAt = Number.POSITIVE_INFINITY;
  #pending: Promise<Access> | undefined;
  #refusal: { readonly error: DeniedError; readonly until: number } | undefined;

  /** @param login logs in; must have its own deadline. */
  constructor(login: () => Promise<Access>) {
    this.#login = login;
  }

  /**
   * Returns the current access, and logs in if necessary.
   *
   * @param refused the access of a refused request; it is renewed unless another request has already done so.
   * @throws StoreError of the login, DeniedError if the credentials are refused.
   */
  async access(signal: AbortSignal | undefined, refused?: Access): Promise<Access> {
    const current = this.#current;
    if (current && current !== refused && performance.now() < this.#renewAt) return current;
    if (this.#refusal && performance.now() < this.#refusal.until) throw this.#refusal.error;
    this.#pending ??= this.#renew().finally(() => {
      this.#pending = undefined;
    });
    return abortable(this.#pending, signal);
  }

  /** The current token, which must never be shown. */
  get token(): string | undefined {
    return this.#current?.token;
  }

  async #renew(): Promise<Access> {
    const start = performance.now();
    try {
      const access = await this.#login();
      const lifetime = access.lifetime ?? Number.POSITIVE_INFINITY;
      this.#renewAt = start + (lifetime - Math.min(MARGIN_SECONDS, lifetime / 10)) * 1000;
      this.#refusal = undefined;
      this.#current = access;
      return access;
    } catch (error) {
      if (error instanceof DeniedError) this.#refusal = { error, until: performance.now() + REFUSAL_MS };
      throw error;
    }
  }
}
