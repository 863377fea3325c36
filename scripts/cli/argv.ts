import { commandLine } from './command-line.ts';
import { type OptionSpec, optionTable, slotOf } from './option-table.ts';
import { protect, unprotect } from './protect.ts';

/** The parsed command line. Values are the text as typed. */
export interface Typed {
  /** Command, storage and other positional arguments, in order. */
  readonly words: readonly string[];
  /** Values by slot (see `slotOf`), in order. A flag without a value is `true`. */
  readonly values: Readonly<Record<string, readonly string[]>>;
  /** The options on the command line. */
  readonly options: ReadonlySet<OptionSpec>;
}

/**
 * Parses the command line. Options may come before or after the command. Accepts `--name value`, `--name=value`, unique
 * abbreviations, `-n value`, `-nvalue`, bundled flags, negative values, and `--` before words that start with a dash.
 *
 * @throws UsageError if an option is unknown (with the nearest known one), or a value is missing or not allowed.
 */
export function parseArgv(argv: readonly string[], cli = commandLine()): Typed {
  cli.parse(['', '', ...protect(argv)], { run: false });
  const { '--': _, ...options } = cli.options;
  const values = Object.fromEntries(
    Object.entries(options).map(([slot, given]) => [slot, [given].flat().map((value) => unprotect(String(value)))]),
  );
  const command = cli.matchedCommandName === undefined ? [] : [cli.matchedCommandName];
  return {
    words: [...command, ...cli.args.map(unprotect)],
    values,
    options: new Set(optionTable.filter((option) => Object.hasOwn(values, slotOf(option)))),
  };
}
