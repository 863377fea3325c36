/** Returns the key of a listing, decoded; undefined if it is not UTF-8. */
type Decode = (key: string) => string | undefined;

/** Asks the store whether it has any key with this prefix. */
type Exists = (prefix: string) => Promise<boolean>;

/**
 * How a store encodes the keys in its listings, learned once. When asked to URL-encode them, Amazon writes `+` for a space
 * and `%2B` for a plus, others leave a plus as it is, and some encode without saying so. Where the response does not show
 * which, the store is asked for one of the keys.
 */
export class KeyEncoding {
  #isPlusSpace: boolean | undefined;
  /** Whether keys are encoded in responses that do not say so. */
  #isUnsaid: boolean | undefined;

  /**
   * @param keys all keys of a response.
   * @param isSaid whether the response says that its keys are encoded.
   */
  async decoder(keys: readonly string[], isSaid: boolean, exists: Exists): Promise<Decode> {
    if (!isSaid && !(await this.#isEncoded(keys, exists))) return (key) => key;
    return (await this.#plusIsSpace(keys, exists)) ? (key) => decode(key.replaceAll('+', '%20')) : decode;
  }

  async #isEncoded(keys: readonly string[], exists: Exists): Promise<boolean> {
    if (this.#isUnsaid !== undefined) return this.#isUnsaid;
    const example = keys.find((key) => /%[\da-f]{2}/i.test(key) && decode(key) !== undefined);
    if (example === undefined) return false;
    this.#isUnsaid = !(await exists(example)) && (await exists(decode(example) ?? ''));
    return this.#isUnsaid;
  }

  async #plusIsSpace(keys: readonly string[], exists: Exists): Promise<boolean> {
    if (this.#isPlusSpace === undefined && keys.some((key) => /%2b/i.test(key))) this.#isPlusSpace = true;
    if (this.#isPlusSpace !== undefined) return this.#isPlusSpace;
    const example = keys.find((key) => key.includes('+') && decode(key) !== undefined);
    if (example === undefined) return true;
    this.#isPlusSpace = !(await exists(decode(example) ?? ''));
    return this.#isPlusSpace;
  }
}

function decode(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
