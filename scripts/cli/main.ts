import type { CAC } from 'cac';
import { UsageError } from '../../config/errors.ts';
import { suggestion } from '../../config/nearest.ts';
import { reasonOf } from '../../lib/common/errors.ts';
import { printable } from '../../lib/common/printable.ts';
import { withFilesRemedy } from '../../lib/system/open-files.ts';
import { parseArgv, type Typed } from './argv.ts';
import { commandLine, helpText } from './command-line.ts';
import { type CommandSpec, commandTable } from './command-table.ts';
import { standardOutput } from './io/output.ts';
import { version } from './run/version.ts';

/**
 * Runs the program.
 *
 * @param argv the arguments after the program's name.
 * @returns the exit code.
 */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const cli = commandLine();
    const typed = parseArgv(argv, cli);
    const [first, ...rest] = typed.words;
    const asksHelp = first === 'help' || isOn(typed, 'help');
    const name = first === 'help' ? rest[0] : first;
    if (first === 'version') return await print(versionText());
    const spec = name === undefined ? undefined : specOf(name, rest);
    if (asksHelp) return await print(helpText(spec));
    if (isOn(typed, 'version')) return await print(versionText());
    if (spec === undefined) throw new UsageError('No command: see whisper-backup --help');
    checkOptions(typed, spec);
    return await dispatch(cli, typed, spec);
  } catch (error) {
    return await reportError(error);
  }
}

function versionText(): string {
  return `whisper-backup ${version()}\n`;
}

async function print(text: string): Promise<number> {
  const output = standardOutput();
  await output.write(text);
  if (output.failure !== undefined) throw output.failure;
  return 0;
}

function isOn(typed: Typed, flag: string): boolean {
  return typed.values[flag]?.at(-1) === 'true';
}

function specOf(name: string, rest: readonly string[]): CommandSpec {
  const found = commandTable.find((command) => command.name === name);
  if (found !== undefined) return found;
  const names = commandTable.map((command) => command.name);
  const later = rest.find((word) => names.some((command) => command === word.toLowerCase()));
  if (later !== undefined) {
    const remedy = /^\d+\/\d+$/.test(name)
      ? `write the part as --read-data=${name}`
      : "quote values with wildcards or spaces, as in -m 'servers.*'";
    throw new UsageError(`Unknown command '${name}' before ${later}: ${remedy}`);
  }
  throw new UsageError(`Unknown command '${name}'${suggestion(name, names) || `; see whisper-backup --help`}`);
}

function checkOptions(typed: Typed, spec: CommandSpec): void {
  for (const { name, commands } of typed.options) {
    if (commands === undefined || commands.includes(spec.name)) continue;
    const others = commands.filter((command) => command !== 'config').join(', ');
    throw new UsageError(`${spec.name} does not accept --${name}: it is an option of ${others}`);
  }
}

async function dispatch(cli: CAC, typed: Typed, spec: CommandSpec): Promise<number> {
  const missing = [...spec.args.matchAll(/<(\w+)>/g)].map(([, word = '']) => word).slice(typed.words.length - 1);
  if (missing.length > 0) {
    const words = missing.map((word) => (/^[aeiou]/.test(word) ? `an ${word}` : `a ${word}`));
    throw new UsageError(`${spec.name} needs ${words.join(' and ')}: ${spec.examples[0]}`);
  }
  cli.matchedCommand?.action(async () => (await import('./command.ts')).runCommand(typed, spec));
  const code: unknown = await cli.runMatchedCommand();
  return typeof code === 'number' ? code : 1;
}

/** Prints an error that occurred before the log was opened. */
async function reportError(error: unknown): Promise<number> {
  const { exitCodeOfError, exitCodes } = await import('./run/exit-code.ts');
  process.stderr.write(`whisper-backup: ${printable(withFilesRemedy(reasonOf(error)))}\n`);
  return error instanceof Error && error.name === 'CACError' ? exitCodes.usage : exitCodeOfError(error);
}
