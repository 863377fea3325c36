import { withDefaults } from './defaults.ts';
import type { SelectOptions } from './options.ts';

/**
 * Compiles a glob with the rules of Python's `fnmatch` (https://docs.python.org/3/library/fnmatch.html), so that globs
 * of the Python tool keep their meaning: `*` also matches dots, `?` is one character, `[a-z]` and `[!a-z]` are sets, a
 * `[` without a `]` is literal, and there is no escape character.
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

/**
 * Finds the `]` that closes a set. A `]` in first position is a member of the set.
 *
 * @param start index after the `[`.
 * @returns -1 if there is none.
 */
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
      // A reversed range is empty, not an error.
      if (codePoint(from) <= codePoint(to)) members.push([from, to]);
      i += 2;
    } else members.push([from]);
  }
  // Python removes reversed ranges before it looks for the `!`: `[z-a!b]` means `[!b]`, and `[z-a!-b]` means `[!-b]`.
  if (!negated && members[0]?.[0] === '!') {
    const [first, ...others] = members;
    const [, to] = first ?? [];
    return membersToSource(true, to === undefined ? others : [['-'], [to], ...others]);
  }
  return membersToSource(negated, members);
}

function membersToSource(negated: boolean, members: readonly string[][]): string {
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

/** Returns a filter of metric names: `metrics` matches the dotted name, and no exclusion does. */
export function selector(select: SelectOptions): (metric: string) => boolean {
  const { metrics, exclude } = withDefaults(select);
  const wanted = metrics === '*' ? undefined : globToRegExp(metrics);
  const excluded = exclude.map(globToRegExp);
  const below = excludedDirectories(select);
  return (metric) =>
    (wanted?.test(metric) ?? true) &&
    !excluded.some((exclusion) => exclusion.test(metric)) &&
    !below.some((prefix) => metric.startsWith(prefix));
}

/**
 * Returns the name prefixes of excluded directories, e.g. `servers.old.`. An exclusion without wildcards names a metric
 * or a directory. A glob excludes only the metrics that it matches.
 */
export function excludedDirectories(select: SelectOptions): string[] {
  const { exclude } = withDefaults(select);
  return exclude.filter((glob) => glob !== '' && !/[*?[]/.test(glob)).map((name) => `${name}.`);
}

/**
 * Returns a check whether any selected metric could start with `prefix`; true when in doubt. It decides whether an
 * unreadable directory is an error.
 */
export function mayReach(select: SelectOptions): (prefix: string) => boolean {
  const { metrics, exclude } = withDefaults(select);
  const literal = /^[^*?[]*/.exec(metrics)?.[0] ?? '';
  const covered = exclude.filter((glob) => glob.endsWith('*')).map(globToRegExp);
  const below = excludedDirectories(select);
  return (prefix) =>
    (literal.startsWith(prefix) || prefix.startsWith(literal)) &&
    !covered.some((exclusion) => exclusion.test(prefix)) &&
    !below.some((excluded) => prefix.startsWith(excluded));
}
