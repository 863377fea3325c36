import { libc } from './libc.ts';

/** Bytes of a file from `start` up to, not including, `end`; both on page boundaries. */
export interface PageRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Which pages of an open file are not in the page cache: mmap(2) and mincore(2). Nothing is read.
 *
 * Linux calls every page resident where the caller neither owns the file nor may write it: see {@link mayAskResidency}.
 *
 * @param size the file's, in bytes.
 * @returns in ascending order; empty when all is cached; undefined when it cannot be told here.
 */
export function uncachedPages(fd: number, size: number): PageRange[] | undefined {
  pageBytes ??= onLinux(() => Number(libc.sysconf(SC_PAGESIZE)));
  if (pageBytes === null || size === 0) return undefined;
  const pages = Math.ceil(size / pageBytes);
  const address = libc.mmap(0, size, PROT_NONE, MAP_SHARED, fd, 0);
  if (address === FAILED) return undefined;
  try {
    if (vector.length < pages) vector = new Uint8Array(pages);
    if (libc.mincore(address, size, vector) !== 0) return undefined;
  } finally {
    libc.munmap(address, size);
  }
  return clearRanges(vector.subarray(0, pages), pageBytes);
}

/** Whether the kernel tells this process the truth about a file's pages. */
export function mayAskResidency(owner: number): boolean {
  return self === 0 || self === owner;
}

/** Asked once: Node asks the kernel each time. */
const self = process.geteuid?.();

const PROT_NONE = 0;
const MAP_SHARED = 1;
/** `MAP_FAILED`: all bits set. */
const FAILED = 0xffff_ffff_ffff_ffffn;
/** `_SC_PAGESIZE` of Linux. */
const SC_PAGESIZE = 30;

let pageBytes: number | null | undefined;

/** One for each thread: a byte a page, 1 when it is there. Linux uses no other bit. */
let vector = new Uint8Array(1024);

function clearRanges(pages: Uint8Array, pageBytes: number): PageRange[] {
  const ranges: PageRange[] = [];
  for (let start = pages.indexOf(0); start >= 0; ) {
    const end = pages.indexOf(1, start);
    ranges.push({ start: start * pageBytes, end: (end < 0 ? pages.length : end) * pageBytes });
    start = end < 0 ? -1 : pages.indexOf(0, end);
  }
  return ranges;
}

/**
 * Releases pages of an open file in the page cache: posix_fadvise(2) with `POSIX_FADV_DONTNEED`. The kernel keeps those
 * that are not written back yet, or that a process has mapped. Best effort: it does nothing where there is no such call,
 * and never throws.
 */
export function dropPages(fd: number, ranges: readonly PageRange[]): void {
  fadvise ??= process.arch === 's390x' ? null : onLinux(() => libc.posix_fadvise);
  for (const { start, end } of ranges) fadvise?.(fd, start, end - start, DONTNEED);
}

/** `POSIX_FADV_DONTNEED` of Linux; other systems and s390x number it otherwise. */
const DONTNEED = 4;

let fadvise: (typeof libc)['posix_fadvise'] | null | undefined;

/** Returns null on other systems, and where there is no such call. */
function onLinux<T>(bind: () => T): T | null {
  if (process.platform !== 'linux') return null;
  try {
    return bind();
  } catch {
    return null;
  }
}
