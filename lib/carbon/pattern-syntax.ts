import { InvalidOptionError } from '../common/errors.ts';
import { readCharacterSet, readEscape } from './pattern-escapes.ts';

interface Translated {
  /** In the syntax of RE2. */
  readonly source: string;
  /** Whether it has the meaning of Python's only for ASCII names. */
  readonly needsAscii: boolean;
  /** Whether it has a `$`. */
  readonly hasEnd: boolean;
}

/**
 * Translates a pattern of Python's `re` (3.11) into the syntax of RE2.
 *
 * @throws InvalidOptionError that names what RE2 cannot express, or what Python refuses.
 * @see https://docs.python.org/3/library/re.html#regular-expression-syntax
 */
export function translatePattern(pattern: string): Translated {
  return new Translation(pattern).run();
}

const NOT_LINEAR: readonly (readonly [RegExp, string])[] = [
  [/^\(\?<?[=!]/, 'look-around'],
  [/^\(\?P=/, 'a reference to a group'],
  [/^\(\?\(/, 'a condition on a group'],
  [/^\(\?>/, 'an atomic group'],
];

class Translation {
  readonly #pattern: string;
  readonly #names = new Set<string>();
  #source = '';
  #at = 0;
  #needsAscii = false;
  #hasEnd = false;
  /** What a repetition would follow. */
  #before: 'nothing' | 'item' | 'repeat' | 'lazy' = 'nothing';

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  run(): Translated {
    while (this.#at < this.#pattern.length) this.#step(this.#pattern.slice(this.#at));
    return { source: this.#source, needsAscii: this.#needsAscii, hasEnd: this.#hasEnd };
  }

  #step(rest: string): void {
    const character = String.fromCodePoint(rest.codePointAt(0) ?? 0);
    if (character === '\\') this.#escape(rest);
    else if (character === '[') this.#set(rest);
    else if (character === '(') this.#group(rest);
    else if (/[|^$]/.test(character)) this.#put(character, 1, 'nothing');
    else if (/[.)]/.test(character)) this.#put(character, 1);
    else if (!this.#repetition(rest))
      this.#put(`\\x{${(character.codePointAt(0) ?? 0).toString(16)}}`, character.length);
    this.#hasEnd ||= character === '$';
  }

  /** @param length of the pattern that it translates. */
  #put(source: string, length: number, before: 'nothing' | 'item' | 'repeat' | 'lazy' = 'item'): void {
    this.#source += source;
    this.#at += length;
    this.#before = before;
  }

  #refuse = (what: string): InvalidOptionError =>
    new InvalidOptionError(`the pattern ${JSON.stringify(this.#pattern)} has ${what}`);

  #cannot = (what: string): InvalidOptionError =>
    this.#refuse(`${what}, which a linear-time engine cannot express: rewrite it`);

  #escape(rest: string): void {
    const { member, length } = readEscape(rest, this.#refuse, this.#cannot);
    this.#needsAscii ||= member.needsAscii === true;
    if (member.isAnchor) this.#put(member.source, length, 'nothing');
    else this.#put(`[${member.source}]`, length);
  }

  #set(rest: string): void {
    const set = readCharacterSet(rest, this.#refuse, this.#cannot);
    this.#needsAscii ||= set.needsAscii;
    this.#put(set.source, set.length);
  }

  #group(rest: string): void {
    const found = NOT_LINEAR.find(([start]) => start.test(rest));
    if (found) throw this.#cannot(found[1]);
    const [start = '', name] = /^\(\?P<([\p{L}_][\p{L}\p{N}_]*)>/u.exec(rest) ?? [];
    const flags = /^\(\?([aiLmsux]*)(-?)([imsx]*)([:)])/.exec(rest);
    if (rest.startsWith('(?#')) throw this.#refuse('a comment (?#...), which is not supported here: remove it');
    if (name !== undefined) {
      if (this.#names.has(name)) throw this.#refuse(`two groups with the name ${name}`);
      this.#names.add(name);
      this.#put('(?:', start.length, 'nothing');
    } else if (flags) this.#flags(flags);
    else if (rest.startsWith('(?')) throw this.#refuse(`${JSON.stringify(rest.slice(0, 4))}, which Python refuses`);
    else this.#put('(?:', 1, 'nothing');
  }

  #flags([text, on = '', minus, off = '', end]: RegExpExecArray): void {
    const other = /[aLux]/.exec(on + off)?.[0];
    if (other !== undefined) throw this.#refuse(`the flag (?${other}), which is not supported here: rewrite it`);
    const isGlobal = end === ')';
    const isMalformed =
      (minus === '-') !== (off !== '') ||
      (isGlobal && (on === '' || minus === '-')) ||
      [...on].some((flag) => off.includes(flag));
    if (isMalformed) throw this.#refuse(`${JSON.stringify(text)}, which Python refuses`);
    if (isGlobal && !/^(?:\(\?[ims]+\))*$/.test(this.#source)) throw this.#refuse('flags that are not at its start');
    if (on.includes('i')) {
      this.#needsAscii = true;
      // Python and RE2 may fold other letters differently.
      if (/[^\0-\x7f]/.test(this.#pattern)) throw this.#refuse('the flag (?i) and letters beyond ASCII');
    }
    this.#put(text, text.length, isGlobal ? this.#before : 'nothing');
  }

  /** @returns whether there is one: a `{` that opens no bounds is a character. */
  #repetition(rest: string): boolean {
    const [bounds, least = '', comma, most = ''] = /^\{(\d*)(,?)(\d*)\}/.exec(rest) ?? [];
    const isBounds = bounds !== undefined && (least !== '' || comma !== '');
    const text = isBounds ? bounds : rest.slice(0, 1);
    if (!isBounds && !/[*+?]/.test(text)) return false;
    if (this.#before === 'nothing') throw this.#refuse(`a ${text} after nothing that it could repeat`);
    if (this.#before === 'repeat' && text === '?') {
      this.#put('?', 1, 'lazy');
      return true;
    }
    if (this.#before === 'repeat' && text === '+') throw this.#cannot('a possessive repetition');
    if (this.#before !== 'item') throw this.#refuse('a repetition of a repetition');
    if (most !== '' && Number(most) < Number(least)) throw this.#refuse(`${text}, whose bounds are in the wrong order`);
    this.#put(isBounds && least === '' ? `{0,${most}}` : text, text.length, 'repeat');
    return true;
  }
}
