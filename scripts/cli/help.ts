import cac, { type CAC } from 'cac';
import { plainTable } from '../../lib/common/table.ts';
import { type CommandSpec, commandTable } from './command-table.ts';
import { type CommandName, type OptionSpec, optionTable } from './option-table.ts';

/**
 * Declares the commands to cac, which checks the number of words.
 *
 * @param spec the command on the command line.
 * @param words the command and the words after it.
 * @param action runs the command.
 */
export function commandLine(spec: CommandSpec, words: readonly string[], action: () => Promise<number>): CAC {
  const cli = cac('whisper-backup');
  for (const { name, args, text } of commandTable) {
    const command = cli.command(`${name} ${args}`, text);
    if (name === spec.name) command.action(action);
  }
  // cac would parse a word that starts with a dash as an option; only the number of words matters here.
  cli.parse(['', '', ...words.map((word) => word.replace(/^-+/, ''))], { run: false });
  return cli;
}

/** Returns the help of one command, or of the program. */
export function helpText(spec: CommandSpec | undefined): string {
  const options = optionTable.filter((option) => spec === undefined || isShown(option, spec.name));
  const sections: (readonly [string, readonly string[]])[] = [
    [
      'Usage',
      [`whisper-backup [options] ${spec === undefined ? '<command> [storage] [storage arguments]' : callOf(spec)}`],
    ],
  ];
  if (spec === undefined) sections.push(['Commands', plainTable(commandTable.map((one) => [callOf(one), one.text]))]);
  sections.push(['Options', plainTable(options.map((option) => [rawName(option), option.text]))]);
  if (spec === undefined || spec.args.includes('[storage]')) sections.push(['Storages', plainTable(storages)]);
  sections.push(['Exit codes', plainTable(exitCodeTexts)]);
  if (spec !== undefined) sections.push(['Examples', spec.examples]);
  const texts = sections.map(([title, lines]) => `${title}:\n${lines.map((line) => `  ${line}\n`).join('')}`);
  return [`${spec?.text ?? 'whisper-backup'}\n`, ...texts].join('\n');
}

const storages: readonly (readonly [string, string])[] = [
  ['disk', '[path=]DIR: the bucket is a directory in DIR; without a path, the bucket itself is a path'],
  [
    's3',
    '[region=]NAME endpoint=URL path-style=true|false ca-bundle=FILE profile=NAME sse=AES256|aws:kms kms-key-id=ID',
  ],
  [
    '',
    'storage-class=NAME tags=a=1,b=2 checksums=auto|always|never; keys from AWS_* variables, ~/.aws or the instance',
  ],
  [
    'swift',
    '[region=]NAME interface=NAME ca-bundle=FILE auth=v1|v3; the login from ST_* or OS_* variables or clouds.yaml',
  ],
  ['noop', 'Stores nothing, for tests'],
];

const exitCodeTexts: readonly (readonly [string, string])[] = [
  ['0', 'All done'],
  ['1', 'Error: failed, stopped by a guard, nothing matched, or the results could not be written'],
  ['2', 'Wrong usage or configuration'],
  ['3', 'Finished, but some metrics failed; they are listed'],
  ['4', 'verify or drill found damage'],
  ['10', 'The bucket is missing'],
  ['11', 'Another run holds the lock'],
  ['12', 'The credentials were refused'],
  ['130, 143', 'Interrupted by Ctrl-C, SIGTERM'],
];

function callOf({ name, args }: CommandSpec): string {
  return `${name} ${args}`;
}

function isShown({ commands, about = commands }: OptionSpec, command: CommandName): boolean {
  return about === undefined || command === 'config' || about.includes(command);
}

function rawName({ letter, name, value, isOptional }: OptionSpec): string {
  const shown = value === undefined ? '' : isOptional === true ? `[=${value}]` : ` <${value}>`;
  return `${letter === undefined ? '    ' : `-${letter}, `}--${name}${shown}`;
}
