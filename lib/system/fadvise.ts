import { foreign } from './foreign.ts';
import type { PageRange } from './page-cache.ts';

/**
 * Lets go of pages of an open file in the page cache: posix_fadvise(2) with `POSIX_FADV_DONTNEED`. The kernel keeps
 * those that are not written back yet, or that a process has mapped. Best effort: it does nothing where there is no such
 * call, and never throws.
 */
export function dropPages(fd: number, ranges: readonly PageRange[]): void {
  const fadvise = bind();
  for (const { start, end } of ranges) fadvise?.(fd, start, end - start, DONTNEED);
}

/** `POSIX_FADV_DONTNEED` of Linux; other systems and s390x number it otherwise. */
const DONTNEED = 4;

type Fadvise = (fd: number, start: number, bytes: number, advice: number) => number;

let bound: { readonly fadvise: Fadvise | undefined } | undefined;

function bind(): Fadvise | undefined {
  bound ??= { fadvise: load() };
  return bound.fadvise;
}

function load(): Fadvise | undefined {
  if (process.platform !== 'linux' || process.arch === 's390x') return undefined;
  try {
    return foreign().load(null).func('int posix_fadvise(int fd, int64_t start, int64_t n, int advice)');
  } catch {
    return undefined;
  }
}
