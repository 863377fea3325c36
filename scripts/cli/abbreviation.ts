import { UsageError } from '../../config/errors.ts';
import { type OptionSpec, optionTable } from './option-table.ts';

/** Options of the Python tool. An abbreviation that was unique there keeps its meaning, even if newer options match too. */
const ofPythonTool = new Set(
  'prefix processes retention purge noop bucket metrics date algorithm storage-path debug quiet nolog logfile syslog nolock lockfile nostamp stampfile locktimeout splay help'.split(
    ' ',
  ),
);

const byName = new Map(optionTable.map((option) => [option.name, option]));

/**
 * Expands abbreviated long options: `--ret 5` becomes `--retention 5`.
 *
 * @throws UsageError if an abbreviation matches several options.
 */
export function expandAbbreviations(argv: readonly string[]): readonly string[] {
  const expanded: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (word === '--') return [...expanded, ...argv.slice(i)];
    const [, name = '', value = ''] = /^--([^=]+)(=.*)?$/s.exec(word) ?? [];
    const option = name === '' ? undefined : (byName.get(name) ?? optionOf(name));
    expanded.push(option === undefined ? word : `--${option.name}${value}`);
    // The next word is the value, even if it looks like an option.
    const next = argv[i + 1];
    if (option?.value !== undefined && option.isOptional !== true && value === '' && next !== undefined) {
      expanded.push(next);
      i++;
    }
  }
  return expanded;
}

function optionOf(abbreviation: string): OptionSpec | undefined {
  const found = optionTable.filter(({ name }) => name.startsWith(abbreviation));
  const old = found.filter(({ name }) => ofPythonTool.has(name));
  if (old.length === 1) return old[0];
  if (found.length < 2) return found[0];
  const names = found.map(({ name }) => `--${name}`).join(', ');
  throw new UsageError(`Ambiguous option --${abbreviation}: it may be ${names}; type more of the name`);
}
