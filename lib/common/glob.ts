import type { SelectOptions } from './options.ts';

/**
 * Compiles a glob as Python's `fnmatch` reads it (https://docs.python.org/3/library/fnmatch.html), since users bring
 * theirs along: `*` crosses dots, `?` is one character, `[a-z]` and `[!a-z]` are sets, a `[` without its `]` is itself,
 * nothing escapes.
 */
export function globToRegExp(glob: string): RegExp {
  let source = '';
  const characters = [...glob];
  for (let i = 0; i < characters.length; ) {
    const character = characters[i] ?? '';
    i++;
    if (character === '*') source += '.*';
    else if (character === '?') source += '.';
    else if (character === '[') {
      const end = endOfSet(characters, i);
      if (end === -1) source += '\\[';
      else {
        source += setToSource(characters.slice(i, end));
        i = end + 1;
      }
    } else source += escapeOne(character);
  }
  return new RegExp(`^${source}$`, 'su');
}

/** Where the `]` stands that ends the set begun before `start`; a `]` that comes first is a member. */
function endOfSet(characters: readonly string[], start: number): number {
  let i = start;
  if (characters[i] === '!') i++;
  if (characters[i] === ']') i++;
  return characters.indexOf(']', i);
}

function setToSource(set: string[]): string {
  const negated = set[0] === '!';
  if (negated) set.shift();
  const members: string[][] = [];
  for (let i = 0; i < set.length; i++) {
    const from = set[i] ?? '';
    const to = set[i + 2];
    if (set[i + 1] === '-' && to !== undefined) {
      // A range that runs backwards holds nothing, and is no error.
      if (codePoint(from) <= codePoint(to)) members.push([from, to]);
      i += 2;
    } else members.push([from]);
  }
  // Python looks for the `!` when those ranges are gone: `[z-a!b]` is `[!b]` to it, and `[z-a!-b]` is `[!-b]`.
  if (!negated && members[0]?.[0] === '!') {
    const [first, ...others] = members;
    const [, to] = first ?? [];
    return setOf(true, to === undefined ? others : [['-'], [to], ...others]);
  }
  return setOf(negated, members);
}

function setOf(negated: boolean, members: readonly string[][]): string {
  if (members.length === 0) return negated ? '.' : '(?!)';
  return `[${negated ? '^' : ''}${members.map((member) => member.map(escapeInSet).join('-')).join('')}]`;
}

function codePoint(character: string): number {
  return character.codePointAt(0) ?? 0;
}

function escapeOne(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
}

function escapeInSet(character: string): string {
  return character.replace(/[\\^\]\-[/]/, '\\$&');
}

/** Whether a metric is one that the run is about: the glob matches its dotted name, and no exclusion does. */
export function selector(select: SelectOptions): (metric: string) => boolean {
  const glob = select.metrics ?? '*';
  const wanted = glob === '*' ? undefined : globToRegExp(glob);
  const excluded = (select.exclude ?? []).map(globToRegExp);
  const below = excludedDirectories(select);
  return (metric) =>
    (wanted?.test(metric) ?? true) &&
    !excluded.some((exclusion) => exclusion.test(metric)) &&
    !below.some((prefix) => metric.startsWith(prefix));
}

/**
 * What every metric below an excluded directory begins with, e.g. `servers.old.`. An exclusion without wildcards is the
 * name of a metric or of a directory. A glob excludes the metrics that it matches, and no more.
 */
export function excludedDirectories({ exclude = [] }: SelectOptions): string[] {
  return exclude.filter((glob) => glob !== '' && !/[*?[]/.test(glob)).map((name) => `${name}.`);
}

/**
 * Whether a metric that begins with `prefix` could be one that the run is about; when in doubt it could. It tells
 * whether a directory that cannot be listed matters.
 */
export function mayReach(select: SelectOptions): (prefix: string) => boolean {
  const literal = /^[^*?[]*/.exec(select.metrics ?? '*')?.[0] ?? '';
  const covered = (select.exclude ?? []).filter((glob) => glob.endsWith('*')).map(globToRegExp);
  const below = excludedDirectories(select);
  return (prefix) =>
    (literal.startsWith(prefix) || prefix.startsWith(literal)) &&
    !covered.some((exclusion) => exclusion.test(prefix)) &&
    !below.some((excluded) => prefix.startsWith(excluded));
}
