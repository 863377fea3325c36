import { InvalidOptionError } from '../common/errors.ts';

/** A section of a configuration file. Names of options are in lower case. */
export interface ConfigSection {
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
}

/** The white space of Python's `str.strip`, which differs from JavaScript's. */
const BLANK = '\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const ENDS = new RegExp(`^[${BLANK}]+|[${BLANK}]+$`, 'g');
const TRAILING = new RegExp(`[${BLANK}]+$`);
const LEADING = new RegExp(`^[${BLANK}]*`);

export function strip(text: string): string {
  return text.replace(ENDS, '');
}

/**
 * Parses one of carbon's files as carbon does: with Python's `configparser`, and with its own list of the sections.
 *
 * @param onIgnored called with each section that carbon ignores without an error.
 * @returns the sections in the order of the file.
 * @throws InvalidOptionError if carbon would not start with the file, or it refers to other options with `%(name)s`.
 * @see https://docs.python.org/3/library/configparser.html
 */
export function parseConfigFile(text: string, onIgnored: (section: string) => void): ConfigSection[] {
  const lines = text.split(/\r\n|\r|\n/);
  if (lines.at(-1) === '') lines.pop();
  const sections = readSections(lines);
  const defaults = sections.get('DEFAULT') ?? new Map<string, string[]>();
  // Carbon looks only for lines that are a section's name and nothing else.
  const names = lines.map(strip).flatMap((line) => (/^\[.*\]$/s.test(line) ? [line.slice(1, -1)] : []));
  for (const name of sections.keys()) if (name !== 'DEFAULT' && !names.includes(name)) onIgnored(name);
  return names.map((name) => {
    const own = sections.get(name);
    if (!own && name !== 'DEFAULT') throw new InvalidOptionError(`[${name}] is not a section of its own line`);
    const options = new Map([...defaults, ...(own ?? [])].map(([option, value]) => [option, valueIn(name, value)]));
    return { name, options };
  });
}

/** Lines of each option's value, by section and option. */
type Sections = Map<string, Map<string, string[]>>;

function readSections(lines: readonly string[]): Sections {
  const sections: Sections = new Map();
  let section: Map<string, string[]> | undefined;
  let value: string[] | undefined;
  let indent = 0;
  for (const [index, line] of lines.entries()) {
    const content = strip(line);
    if (/^[#;]/.test(content)) continue;
    if (content === '') {
      value?.push('');
      continue;
    }
    const depth = LEADING.exec(line)?.[0].length ?? 0;
    if (section && value && depth > indent) {
      value.push(content);
      continue;
    }
    indent = depth;
    const header = /^\[(.+)\]/.exec(content)?.[1];
    if (header !== undefined) {
      const known = sections.get(header);
      if (known && header !== 'DEFAULT') throw wrong(index, `the section [${header}] is there twice`);
      section = known ?? new Map();
      sections.set(header, section);
      value = undefined;
      continue;
    }
    if (!section) throw wrong(index, 'there is no [section] before it');
    const equals = content.search(/[=:]/);
    const option = strip(content.slice(0, Math.max(0, equals))).toLowerCase();
    if (option === '') throw wrong(index, `it is not "option = value": ${JSON.stringify(content)}`);
    if (section.has(option)) throw wrong(index, `the option ${option} is there twice`);
    value = [strip(content.slice(equals + 1))];
    section.set(option, value);
  }
  return sections;
}

function valueIn(section: string, lines: readonly string[]): string {
  const text = lines.join('\n').replace(TRAILING, '');
  return text.replace(/%(.?)/gs, (found, next: string) => {
    if (next === '%') return '%';
    throw new InvalidOptionError(
      next === '('
        ? `[${section}] refers to another option with %(name)s, which is not supported here: write its value`
        : `[${section}] has a single %, which carbon refuses: write %% for ${JSON.stringify(found)}`,
    );
  });
}

function wrong(index: number, what: string): InvalidOptionError {
  return new InvalidOptionError(`line ${index + 1}: ${what}`);
}
