import { RE2JS } from 're2js';
import { InvalidOptionError, reasonOf } from '../common/errors.ts';
import { translatePattern } from './pattern-syntax.ts';

/**
 * A regular expression of Python, as carbon searches for it in names of metrics. The time of a search is linear in the
 * length of the name: a pattern cannot hang a run.
 */
export class PythonPattern {
  readonly #regex: RE2JS;
  readonly #needsAscii: boolean;
  readonly #hasEnd: boolean;

  /** @throws InvalidOptionError if Python refuses the pattern, or it needs a search that is not linear. */
  constructor(pattern: string) {
    const { source, needsAscii, hasEnd } = translatePattern(pattern);
    this.#needsAscii = needsAscii;
    this.#hasEnd = hasEnd;
    try {
      this.#regex = RE2JS.compile(source);
    } catch (cause) {
      throw new InvalidOptionError(`the pattern ${JSON.stringify(pattern)} cannot be used: ${reasonOf(cause)}`, {
        cause,
      });
    }
  }

  /** @throws InvalidOptionError if it is not certain that Python's result would be the same. */
  matches(name: string): boolean {
    // Python's \w, \d, \s, \b and (?i) know all of Unicode, and its $ also matches before a last line feed.
    const isUncertain = (this.#needsAscii && /[^\0-\x7f]/.test(name)) || (this.#hasEnd && name.includes('\n'));
    if (isUncertain)
      throw new InvalidOptionError(
        'its name has characters that Python may match otherwise: use --retentions or exclude it',
      );
    return this.#regex.test(name);
  }
}
