import cac, { type CAC } from 'cac';
import { defaults } from '../../config/defaults.ts';
import { plainTable } from '../../lib/common/table.ts';
import { type CommandSpec, commandTable } from './command-table.ts';
import { type CommandName, type OptionSpec, optionTable, slotOf } from './option-table.ts';

/** Declares commands and options to cac, which parses the command line, checks the number of words and prints the help. */
export function commandLine(): CAC {
  const cli = cac('whisper-backup').usage('[options] <command> [storage] [storage arguments]');
  for (const { name, args, text, examples } of commandTable) {
    const command = cli.command(`${name} ${args}`, text).usage(`[options] ${name} ${args}`);
    for (const example of examples) command.example(`  ${example}`);
  }
  for (const option of optionTable) cli.option(`--${slotOf(option)} <value>`, option.text);
  return cli;
}

/** Returns the help of one command, or of the program. */
export function helpText(spec: CommandSpec | undefined): string {
  const cli = commandLine();
  if (spec !== undefined) cli.parse(['', '', spec.name], { run: false });
  cli.globalCommand.helpCallback = (sections) => {
    const titled = (name: string) => sections.filter(({ title }) => title === name);
    const options = optionTable.filter((option) => spec === undefined || isShown(option, spec.name));
    const takesStorage = spec === undefined || spec.args.includes('[storage]');
    return [
      { body: spec?.text ?? 'whisper-backup' },
      ...[...titled('Usage'), ...titled('Commands')],
      // cac would list the options of other commands too.
      table(
        'Options',
        options.map((option) => [rawName(option), describe(option)]),
      ),
      ...(takesStorage ? [table('Storages', storages)] : []),
      ...[table('Exit codes', exitCodeTexts), ...titled('Examples')],
    ];
  };
  return printed(() => cli.outputHelp());
}

function table(title: string, rows: readonly (readonly [string, string])[]) {
  return { title, body: plainTable(rows.map(([left, right]) => [`  ${left}`, right])).join('\n') };
}

/** Returns what cac prints: the console would not notice that a disk is full. */
function printed(print: () => void): string {
  const { info } = console;
  let text = '';
  console.info = (line: string) => {
    text += `${line}\n`;
  };
  try {
    print();
  } finally {
    console.info = info;
  }
  return text;
}

const storages: readonly (readonly [string, string])[] = [
  ['disk', '[path=]DIR: the bucket is a directory in DIR; without a path, the bucket itself is a path'],
  [
    's3',
    '[region=]NAME endpoint=URL path-style=true|false ca-bundle=FILE profile=NAME sse=AES256|aws:kms kms-key-id=ID',
  ],
  ['', 'storage-class=NAME tags=a=1,b=2 checksums=auto|always|never lock-mode=governance|compliance lock-days=N;'],
  ['', 'keys from AWS_* variables, ~/.aws or the instance'],
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

function isShown({ commands, about = commands }: OptionSpec, command: CommandName): boolean {
  return about === undefined || command === 'config' || about.includes(command);
}

function rawName({ letter, name, value, isOptional }: OptionSpec): string {
  const shown = value === undefined ? '' : isOptional === true ? `[=${value}]` : ` <${value}>`;
  return `${letter === undefined ? '    ' : `-${letter}, `}--${name}${shown}`;
}

/** Adds the default from the configuration. */
function describe({ key, text }: OptionSpec): string {
  const value: unknown = key === undefined ? undefined : Object.entries(defaults).find(([name]) => name === key)?.[1];
  if (typeof value !== 'string' && typeof value !== 'number') return text;
  return `${text} (${value === '' ? 'none' : value})`;
}
