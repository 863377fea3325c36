import { abortable } from '../../deadline.ts';
import { DeniedError } from '../../errors.ts';

/** What a login gives. */
export interface Access {
  /** The account's URL, without a slash at its end. */
  readonly storageUrl: string;
  readonly token: string;
  /** How long the token holds, in seconds, where the server tells. */
  readonly lifetime?: number;
}

/** A token is renewed this long before its end, or a tenth of its lifetime, whichever is shorter; in seconds. */
const MARGIN = 60;

/** For how long a refused login is not tried again, in milliseconds: many requests at once must not lock the user out. */
const REFUSAL = 10_000;

/** A login that all requests share. It is renewed before it ends, and when a request was refused. */
export class Session {
  readonly #login: () => Promise<Access>;
  #current: Access | undefined;
  #renewAt = Number.POSITIVE_INFINITY;
  #pending: Promise<Access> | undefined;
  #refusal: { readonly error: DeniedError; readonly until: number } | undefined;

  /** @param login logs in anew; must have a deadline of its own. */
  constructor(login: () => Promise<Access>) {
    this.#login = login;
  }

  /**
   * The access to use now.
   *
   * @param refused one that a request was refused with: unless somebody else has renewed it since, it is renewed.
   * @throws what the login throws; DeniedError when the credentials are refused.
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

  /** The token in use, which must never be shown. */
  get token(): string | undefined {
    return this.#current?.token;
  }

  async #renew(): Promise<Access> {
    const asked = performance.now();
    try {
      const access = await this.#login();
      const lifetime = access.lifetime ?? Number.POSITIVE_INFINITY;
      this.#renewAt = asked + (lifetime - Math.min(MARGIN, lifetime / 10)) * 1000;
      this.#refusal = undefined;
      this.#current = access;
      return access;
    } catch (error) {
      if (error instanceof DeniedError) this.#refusal = { error, until: performance.now() + REFUSAL };
      throw error;
    }
  }
}
