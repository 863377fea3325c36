import cac, { type CAC } from 'cac';
import { type CommandSpec, commandTable } from './commandtable.ts';
import { type CommandName, type OptionSpec, optionTable } from './optiontable.ts';

/**
 * Declares the command line to cac, for its help and its checks.
 *
 * @param spec the command that was typed; the help is about it.
 * @param words that command and what stands behind it.
 * @param action what runs when that command is run.
 */
export function commandLine(
  spec: CommandSpec | undefined,
  words: readonly string[],
  action?: () => Promise<number>,
): CAC {
  const cli = cac('whisper-backup');
  cli.usage('[options] <command> [storage] [storage arguments]');
  for (const option of optionTable) {
    if (spec === undefined || isShown(option, spec.name)) cli.option(rawName(option), option.text);
  }
  for (const { name, args, text, examples } of commandTable) {
    const command = cli.command(`${name} ${args}`, text).usage(`[options] ${name} ${args}`);
    for (const example of examples) command.example(`  ${example}`);
    if (name === spec?.name && action !== undefined) command.action(action);
  }
  cli.globalCommand.helpCallback = (sections) => {
    if (spec !== undefined) sections.splice(0, 1, { body: spec.text });
    // Without the list of `<command> --help` lines, and the default that cac believes a --no-... to have.
    return sections
      .filter(({ title }) => title?.startsWith('For more info') !== true)
      .map((section) => ({ ...section, body: section.body.replace(/ *(\(default: true\))?$/gm, '') }));
  };
  // cac counts the words, no more: one that begins with a dash would be an option to it.
  cli.parse(['', '', ...words.map((word) => word.replace(/^-+/, ''))], { run: false });
  return cli;
}

function isShown({ commands, about = commands }: OptionSpec, command: CommandName): boolean {
  return about === undefined || command === 'config' || about.includes(command);
}

function rawName({ letter, name, value, isOptional }: OptionSpec): string {
  const shown = value === undefined ? '' : isOptional === true ? `[=${value}]` : ` <${value}>`;
  return `${letter === undefined ? '    ' : `-${letter}, `}--${name}${shown}`;
}
