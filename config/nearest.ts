import { closestMatch } from 'leven';

/** `; did you mean 'bucket'?` when one of the names is near enough to what was typed, or nothing. */
export function suggestion(typed: string, names: readonly string[], show: (name: string) => string = quoted): string {
  const found = closestMatch(typed, names, { maxDistance: Math.max(2, Math.floor(typed.length / 3)) });
  return found === undefined ? '' : `; did you mean ${show(found)}?`;
}

function quoted(name: string): string {
  return `'${name}'`;
}
