import { UsageError } from '../../config/errors.ts';
import { suggestion } from '../../config/nearest.ts';
import { type OptionSpec, optionTable, slotOf } from './option-table.ts';

/** Options of the Python tool. An abbreviation that was unique there keeps its meaning, even if newer options match too. */
const ofPythonTool = new Set(
  'prefix processes retention purge noop bucket metrics date algorithm storage-path debug quiet nolog logfile syslog nolock lockfile nostamp stampfile locktimeout splay help'.split(
    ' ',
  ),
);

const byName = new Map(optionTable.map((option) => [option.name, option]));
const byLetter = new Map(optionTable.map((option) => [option.letter, option]));

/**
 * Rewrites the command line for cac, which would read `007` and `1e5` as numbers, `-b007` and `-1` as flags, `--no-x` as
 * the opposite of `x`, and the word after a flag as its value; and knows neither abbreviations nor commands in upper case,
 * which the Python tool accepted. So the words come first, and each option becomes `--slot==value`: with the second `=` a
 * value stays text.
 *
 * @throws UsageError if an option is unknown or ambiguous, or a value is missing or not allowed.
 */
export function protect(argv: readonly string[]): string[] {
  const words: string[] = [];
  const options: string[] = [];
  const rest = [...argv];
  const add = (option: OptionSpec, value: string) => options.push(`--${slotOf(option)}==${value}`);
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      words.push(...rest.splice(0));
    } else if (word.startsWith('--')) {
      const [, name = '', inline] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
      const option = byName.get(name) ?? abbreviated(name);
      add(option, readValue(option, `--${option.name}`, inline, rest));
    } else if (word.startsWith('-') && word !== '-') {
      for (let at = 1; at < word.length; at++) {
        const typed = `-${word[at]}`;
        const option = byLetter.get(word[at]);
        if (option === undefined) throw unknown(typed);
        const takesValue = option.value !== undefined;
        add(option, readValue(option, typed, takesValue ? word.slice(at + 1) || undefined : undefined, rest));
        if (takesValue) break;
      }
    } else words.push(word);
  }
  return [...words.map((word, index) => protectWord(index === 0 ? word.toLowerCase() : word)), ...options];
}

/** A word may start with a dash after `--`. */
function protectWord(word: string): string {
  return /^[-=]/.test(word) ? `=${word}` : word;
}

/** Returns a word or value as it was typed. */
export function unprotect(text: string): string {
  return text.replace(/^=/, '');
}

function abbreviated(abbreviation: string): OptionSpec {
  const found = abbreviation === '' ? [] : optionTable.filter(({ name }) => name.startsWith(abbreviation));
  const old = found.filter(({ name }) => ofPythonTool.has(name));
  const [option] = old.length === 1 ? old : found;
  if (option === undefined) throw unknown(`--${abbreviation}`);
  if (old.length === 1 || found.length === 1) return option;
  const names = found.map(({ name }) => `--${name}`).join(', ');
  throw new UsageError(`Ambiguous option --${abbreviation}: it may be ${names}; type more of the name`);
}

function unknown(typed: string): UsageError {
  const names = optionTable.map(({ name }) => `--${name}`);
  return new UsageError(`Unknown option ${typed}${suggestion(typed, names, (name) => name)}`);
}

/** @param rest the words after the option; a value without `=` is taken from them. */
function readValue(option: OptionSpec, typed: string, inline: string | undefined, rest: string[]): string {
  if (option.value === undefined) {
    if (inline === undefined || inline === 'true' || inline === 'false') return inline ?? 'true';
    throw new UsageError(`--${option.name} must be true or false: got "${inline}"`);
  }
  if (option.isOptional === true) return inline ?? 'true';
  const value = inline ?? rest.shift();
  if (value === undefined) throw new UsageError(`${typed} needs a value`);
  // Without this check, an option without its value would swallow the next option.
  if (inline === undefined && isOption(value)) {
    const how = typed.startsWith('--') ? `${typed}=${value}` : `${typed}${value}`;
    throw new UsageError(`${typed} needs a value, but an option follows; if "${value}" is the value, write ${how}`);
  }
  return value;
}

function isOption(text: string): boolean {
  if (text.startsWith('--')) return byName.has(text.slice(2).replace(/=.*/s, ''));
  return /^-[a-z]/.test(text) && byLetter.has(text[1]);
}
