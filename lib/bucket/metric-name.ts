/*
 * The names of metrics. A *path* is that of a file below the prefix, without `.wsp`: `servers/web01/cpu`. A *metric* is its
 * dotted name, `servers.web01.cpu`; a dot in the path becomes `%2E`.
 */

/**
 * Encodes a path: `a.b/c` becomes `a%2Eb.c`. Writes a `%` as `%25` only before `2E` or `25`, where it would be read as
 * an escape.
 */
export function metricOf(path: string): string {
  if (isPlain(path)) return path.replaceAll('/', '.');
  return path
    .split('/')
    .map((name) => name.replace(/%(?=2E|25)/g, '%25').replaceAll('.', '%2E'))
    .join('.');
}

/** The inverse of {@link metricOf}. @returns undefined if no path has this metric, or its path is not safe. */
export function pathOf(metric: string): string | undefined {
  if (!metric.includes('%')) return pythonPathOf(metric);
  const names = metric
    .split('.')
    .map((name) => name.replace(/%(2E|25)/g, (_, code: string) => (code === '2E' ? '.' : '%')));
  const path = safePath(names);
  return path !== undefined && metricOf(path) === metric ? path : undefined;
}

/** Returns the path for a name of the Python tool, which escapes nothing; undefined if it is not safe. */
export function pythonPathOf(name: string): string | undefined {
  return safePath(name.split('.'));
}

/** Returns whether encoding only replaces slashes. This holds for almost all of the millions of paths in a listing. */
export function isPlain(path: string): boolean {
  return !path.includes('.') && !path.includes('%');
}

/** Returns the name under which the Python tool stores a path. Not unique if {@link isAmbiguous}. */
export function pythonNameOf(path: string): string {
  return path.replaceAll('/', '.');
}

/** Returns whether the Python tool's name of a path decodes to another path. */
export function isAmbiguous(path: string): boolean {
  return path.includes('.');
}

/** Joins names to a path that stays below the prefix. The last name gets `.wsp` appended, so it may be `.` or `..`. */
function safePath(names: readonly string[]): string | undefined {
  const last = names.length - 1;
  for (const [i, name] of names.entries()) {
    if (name === '' || name.includes('/') || name.includes('\0')) return undefined;
    if (i !== last && (name === '.' || name === '..')) return undefined;
  }
  return names.join('/');
}
