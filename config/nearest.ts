import { closestMatch } from 'leven';

/**
 * Returns `; did you mean 'bucket'?` if one of the names is close to the typed one, else an empty string. A word of
 * three letters may differ in one.
 */
export function suggestion(typed: string, names: readonly string[], show: (name: string) => string = quoted): string {
  const found = closestMatch(typed, names, {
    maxDistance: typed.length < 4 ? 1 : Math.max(2, Math.floor(typed.length / 3)),
  });
  return found === undefined ? '' : `; did you mean ${show(found)}?`;
}

function quoted(name: string): string {
  return `'${name}'`;
}
