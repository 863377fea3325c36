import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { UsageError } from '../../../config/errors.ts';
import { parseDate } from '../../../lib/common/date.ts';
import { reasonOf } from '../../../lib/common/errors.ts';
import { plainTable } from '../../../lib/common/table.ts';
import type { Runbook, RunbookOption, Values } from './runbook.ts';

/** Options of all runbooks. */
export const commonOptions: readonly RunbookOption[] = [
  { name: 'inventory', value: 'path', text: "Ansible's inventory (from ansible.cfg)" },
  { name: 'ansible-args', value: 'args', text: "Extra arguments for Ansible, such as '-K'" },
  { name: 'fleet-dir', value: 'dir', text: 'Directory for the journal, the log and reports (.fleet)' },
  { name: 'dry-run', text: 'Print the plan with its commands; do nothing' },
  { name: 'json', text: 'With --dry-run: print the plan as JSON' },
  { name: 'yes', text: 'Do not ask questions' },
  { name: 'resume', text: 'Continue an earlier run that stopped' },
  { name: 'past', text: 'With --resume: skip the step that stopped, and continue with the next' },
  { name: 'anew', text: 'Discard an earlier run that stopped, and start again' },
  { name: 'help', text: 'Print this help' },
];

/** These options may differ when a run is resumed: they change how it runs, not what it does. */
const runOptions = new Set(['dry-run', 'json', 'yes', 'resume', 'past', 'anew', 'help', 'fleet-dir', 'ansible-args']);

export interface Given {
  readonly values: Values;
  /** What to do, for the journal. It must not change when the run is resumed. */
  readonly record: Readonly<Record<string, string | readonly string[] | boolean>>;
}

/**
 * Parses the options of a runbook.
 *
 * @throws UsageError if an option is unknown, missing or invalid.
 */
export function readOptions(runbook: Runbook, argv: readonly string[]): Given {
  const specs = [...runbook.options, ...commonOptions];
  const typed = parse(specs, argv);
  const texts = (name: string): readonly string[] => {
    const value = typed[name];
    return Array.isArray(value) ? value : typeof value === 'string' ? [value] : [];
  };
  const values: Values = {
    one: (name) => texts(name).at(-1),
    all: texts,
    is: (name) => typed[name] === true,
    required(name) {
      const value = texts(name).at(-1);
      if (value === undefined) throw new UsageError(`${runbook.name} needs --${name}; see --help`);
      return value;
    },
  };
  if (!values.is('help')) {
    for (const { name, isRequired } of specs) if (isRequired) values.required(name);
    for (const { name, kind } of specs) for (const value of texts(name)) check(name, kind, value);
  }
  const record: Record<string, string | readonly string[] | boolean> = {};
  for (const [name, value] of Object.entries(typed))
    if (!runOptions.has(name) && value !== undefined) record[name] = value;
  if (typeof record['inventory'] === 'string') record['inventory'] = resolve(record['inventory']);
  return { values, record };
}

type Typed = Readonly<Record<string, string | boolean | string[] | undefined>>;

function parse(specs: readonly RunbookOption[], argv: readonly string[]): Typed {
  const options = Object.fromEntries(
    specs.map(({ name, value, isMany }) => {
      const type: 'boolean' | 'string' = value === undefined ? 'boolean' : 'string';
      return [name, { type, multiple: isMany ?? false }];
    }),
  );
  try {
    // The specification above allows only text and flags, single or repeated.
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values as Typed;
  } catch (error) {
    throw new UsageError(`${reasonOf(error)}; see --help`);
  }
}

function check(name: string, kind: RunbookOption['kind'], value: string): void {
  if (value === '') throw new UsageError(`--${name} must not be empty`);
  if ((kind === 'host' || kind === 'hosts') && !/^[\w][\w.-]*$/.test(value)) {
    const what = kind === 'host' ? 'host' : 'host or group';
    throw new UsageError(`--${name} must be the name of one ${what} of the inventory: got ${JSON.stringify(value)}`);
  }
  if (kind === 'date') checkDate(name, value);
  // Ansible would replace a template, or a variable of the host.
  if (/\{[{%#]|\$/.test(value))
    throw new UsageError(`--${name} must not contain {{, {%, {# or $: got ${JSON.stringify(value)}`);
}

function checkDate(name: string, value: string): void {
  try {
    parseDate(value);
  } catch (cause) {
    throw new UsageError(`--${name}: ${reasonOf(cause)}`, { cause });
  }
}

/** Returns the help of a runbook. */
export function helpOf({ name, title, options }: Runbook): string {
  const rows = [...options, ...commonOptions].map(({ name, value, isMany, isRequired, text }) => {
    const notes = [isRequired ? 'required' : '', isMany ? 'repeatable' : ''].filter((note) => note !== '');
    const left = `  --${name}${value === undefined ? '' : ` <${value}>`}`;
    return [left, `${text}${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`];
  });
  return `${title}\n\nUsage: node --import tsx scripts/runbooks/${name}.ts [options]\n\n${plainTable(rows).join('\n')}\n\nSee docs/runbooks/${name}.md\n`;
}
