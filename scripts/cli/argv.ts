import { parseArgs } from 'node:util';
import { UsageError } from '../../config/errors.ts';
import { suggestion } from '../../config/nearest.ts';
import { expandAbbreviations } from './abbreviation.ts';
import { type OptionSpec, optionTable, slotOf } from './option-table.ts';

/** The parsed command line. Values are the text as typed. */
export interface Typed {
  /** Command, storage and other positional arguments, in order. */
  readonly words: readonly string[];
  /** Values by slot (see `slotOf`), in order. A flag without a value is `true`. */
  readonly values: Readonly<Record<string, readonly string[]>>;
  /** The options on the command line. */
  readonly options: ReadonlySet<OptionSpec>;
}

/** The part of a `parseArgs` token that holds the value. */
interface ValueToken {
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

const byName = new Map(optionTable.map((option) => [option.name, option]));

/**
 * Parses the command line. Options may come before or after the command. Accepts `--name value`, `--name=value`, unique
 * abbreviations, `-n value`, `-nvalue`, bundled flags, negative values, and `--` before words that start with a dash.
 *
 * @throws UsageError if an option is unknown (with the nearest known one), or a value is missing or not allowed.
 */
export function parseArgv(argv: readonly string[]): Typed {
  const { tokens } = parseArgs({
    args: [...expandAbbreviations(argv)],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      optionTable.map(({ name, letter, value, isOptional }) => [
        name,
        {
          type: value === undefined || isOptional === true ? 'boolean' : 'string',
          ...(letter === undefined ? {} : { short: letter }),
        },
      ]),
    ),
  });
  const words: string[] = [];
  const values: Record<string, string[]> = {};
  const options = new Set<OptionSpec>();
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const option = byName.get(token.name);
    if (option === undefined) throw unknown(token.rawName);
    const value = tokenValue(option, token);
    const slot = slotOf(option);
    values[slot] = [...(values[slot] ?? []), value];
    options.add(option);
  }
  return { words, values, options };
}

function tokenValue(option: OptionSpec, token: ValueToken): string {
  if (option.isOptional === true) return token.value ?? 'true';
  return option.value === undefined ? flagValue(option, token.value) : textValue(token.rawName, token);
}

function unknown(typed: string): UsageError {
  const names = optionTable.map(({ name }) => `--${name}`);
  return new UsageError(`Unknown option ${typed}${suggestion(typed, names, (name) => name)}`);
}

function flagValue(option: OptionSpec, value: string | undefined): string {
  if (value === undefined) return 'true';
  if (value === 'true' || value === 'false') return value;
  throw new UsageError(`--${option.name} must be true or false: got "${value}"`);
}

function textValue(typed: string, token: ValueToken): string {
  if (token.value === undefined) throw new UsageError(`${typed} needs a value`);
  // Without this check, an option without its value would swallow the next option.
  if (token.inlineValue !== true && isOption(token.value)) {
    const how = typed.startsWith('--') ? `${typed}=${token.value}` : `${typed}${token.value}`;
    throw new UsageError(
      `${typed} needs a value, but an option follows; if "${token.value}" is the value, write ${how}`,
    );
  }
  return token.value;
}

function isOption(text: string): boolean {
  if (text.startsWith('--')) return byName.has(text.slice(2).replace(/=.*/s, ''));
  return /^-[a-z]/.test(text) && optionTable.some(({ letter }) => letter === text[1]);
}
