import type { InvalidOptionError } from '../common/errors.ts';

/** An escape sequence, as part of a set in the syntax of RE2, or an anchor. */
export interface Member {
  readonly source: string;
  /** Of a single character; undefined for a class such as `\d`. */
  readonly code?: number;
  readonly isAnchor?: boolean;
  /** Whether Python's meaning covers more than ASCII. */
  readonly needsAscii?: boolean;
}

type Refuse = (what: string) => InvalidOptionError;

/** Parts of a set. White space as Python's `str.isspace`. */
const CLASSES: Readonly<Record<string, string>> = {
  d: '0-9',
  D: '\\x00-/:-\\x{10ffff}',
  w: '0-9A-Za-z_',
  W: '\\x00-/:-@\\[-\\^`{-\\x{10ffff}',
  s: '\\x09-\\x0d\\x1c-\\x20',
  S: '\\x00-\\x08\\x0e-\\x1b\\x21-\\x{10ffff}',
};

const ANCHORS: Readonly<Record<string, string>> = { A: '\\A', Z: '\\z', b: '\\b', B: '\\B' };

const CONTROLS: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 };

/** How many hexadecimal digits follow `\x`, `\u` and `\U`. */
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** @param rest starts with the backslash. */
export function readEscape(rest: string, refuse: Refuse, cannot: Refuse): { member: Member; length: number } {
  const letter = rest[1] ?? '';
  const anchor = ANCHORS[letter];
  if (anchor !== undefined) {
    const needsAscii = letter === 'b' || letter === 'B';
    return { member: { source: anchor, isAnchor: true, needsAscii }, length: 2 };
  }
  return readMember(rest, refuse, cannot, { isInSet: false });
}

/** Reads a set such as `[^a-z]`. @param rest starts with its bracket. */
export function readCharacterSet(
  rest: string,
  refuse: Refuse,
  cannot: Refuse,
): { source: string; length: number; needsAscii: boolean } {
  const isNegated = rest[1] === '^';
  let at = isNegated ? 2 : 1;
  const start = at;
  let source = '';
  let needsAscii = false;
  const next = () => {
    const { member, length } = readMember(rest.slice(at), refuse, cannot, { isInSet: true });
    at += length;
    needsAscii ||= member.needsAscii === true;
    return member;
  };
  while (rest[at] !== ']' || at === start) {
    if (at >= rest.length) throw refuse('a [ without its ]');
    const from = next();
    if (rest[at] !== '-' || rest[at + 1] === ']' || rest[at + 1] === undefined) {
      source += from.source;
      continue;
    }
    at++;
    const to = next();
    if (from.code === undefined || to.code === undefined || to.code < from.code) throw refuse('a bad range in a set');
    source += `${from.source}-${to.source}`;
  }
  return { source: `[${isNegated ? '^' : ''}${source}]`, length: at + 1, needsAscii };
}

function readMember(
  rest: string,
  refuse: Refuse,
  cannot: Refuse,
  { isInSet }: { readonly isInSet: boolean },
): { member: Member; length: number } {
  if (!rest.startsWith('\\')) {
    const character = String.fromCodePoint(rest.codePointAt(0) ?? 0);
    return { member: single(character.codePointAt(0) ?? 0), length: character.length };
  }
  const letter = String.fromCodePoint(rest.codePointAt(1) ?? 0);
  if (rest.length === 1) throw refuse('a backslash at its end');
  const set = CLASSES[letter];
  if (set !== undefined) return { member: { source: set, needsAscii: true }, length: 2 };
  const control = CONTROLS[letter];
  if (control !== undefined) return { member: single(control), length: 2 };
  const octal = (isInSet ? /^\\([0-7]{1,3})/ : /^\\(0[0-7]{0,2}|[0-7]{3})/).exec(rest);
  if (octal) {
    const code = Number.parseInt(octal[1] ?? '', 8);
    if (code > 0o377) throw refuse(`${octal[0]}, which Python refuses`);
    return { member: single(code), length: octal[0].length };
  }
  if (/\d/.test(letter) && !isInSet) throw cannot('a reference to a group');
  const digits = HEX_DIGITS[letter];
  if (digits !== undefined) {
    const hex = rest.slice(2, 2 + digits);
    const code = Number.parseInt(hex, 16);
    if (!/^[0-9a-f]+$/i.test(hex) || hex.length !== digits || code > 0x10ffff) throw refuse(`a bad escape \\${letter}`);
    return { member: single(code), length: 2 + digits };
  }
  if (letter === 'N')
    throw refuse('a character by its name, \\N{...}, which is not supported here: write the character');
  if (/[A-Za-z0-9]/.test(letter)) throw refuse(`a bad escape \\${letter}`);
  return { member: single(letter.codePointAt(0) ?? 0), length: 1 + letter.length };
}

function single(code: number): Member {
  return { source: `\\x{${code.toString(16)}}`, code };
}
