import { libc } from './libc.ts';

/** Byte range of a file, `end` exclusive; both on page boundaries. */
export interface PageRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Returns the pages of an open file that are not in the page cache, with mmap(2) and mincore(2). Reads nothing.
 *
 * Linux reports every page as resident if the caller neither owns the file nor may write to it: see
 * {@link mayAskResidency}.
 *
 * @param size size of the file in bytes.
 * @returns ranges in ascending order; undefined if this system does not report it.
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

/** Returns whether the kernel reports the pages of a user's files correctly to this process. */
export function mayAskResidency(owner: number): boolean {
  return self === 0 || self === owner;
}

/** Cached, because Node makes a system call each time. */
const self = process.geteuid?.();

const PROT_NONE = 0;
const MAP_SHARED = 1;
const FAILED = 0xffff_ffff_ffff_ffffn;
const SC_PAGESIZE = 30;

let pageBytes: number | null | undefined;

/** Reused buffer with one byte per page: 1 if it is resident, else 0. Linux uses no other bits. */
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
 * Drops pages of an open file from the page cache, with posix_fadvise(2) and `POSIX_FADV_DONTNEED`. The kernel keeps
 * dirty and mapped pages. Best effort: never throws, and does nothing on systems without this call.
 */
export function dropPages(fd: number, ranges: readonly PageRange[]): void {
  fadvise ??= process.arch === 's390x' ? null : onLinux(() => libc.posix_fadvise);
  for (const { start, end } of ranges) fadvise?.(fd, start, end - start, DONTNEED);
}

/** `POSIX_FADV_DONTNEED` of Linux; other systems and s390x use another number. */
const DONTNEED = 4;

let fadvise: (typeof libc)['posix_fadvise'] | null | undefined;

/** Returns null on other systems and if the C library does not have the call. */
function onLinux<T>(bind: () => T): T | null {
  if (process.platform !== 'linux') return null;
  try {
    return bind();
  } catch {
    return null;
  }
}
