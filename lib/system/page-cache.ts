import { foreign } from './foreign.ts';

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
  const calls = bind();
  if (!calls || size === 0) return undefined;
  const { pageBytes } = calls;
  const pages = Math.ceil(size / pageBytes);
  const address = calls.mmap(0, size, PROT_NONE, MAP_SHARED, fd, 0);
  if (address === FAILED) return undefined;
  try {
    if (vector.length < pages) vector = new Uint8Array(pages);
    if (calls.mincore(address, size, vector) !== 0) return undefined;
  } finally {
    calls.munmap(address, size);
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

interface Calls {
  readonly pageBytes: number;
  mmap(address: number, bytes: number, protection: number, flags: number, fd: number, offset: number): number | bigint;
  mincore(address: number | bigint, bytes: number, vector: Uint8Array): number;
  munmap(address: number | bigint, bytes: number): number;
}

let bound: { readonly calls: Calls | undefined } | undefined;

function bind(): Calls | undefined {
  bound ??= { calls: load() };
  return bound.calls;
}

function load(): Calls | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const libc = foreign().load(null);
    const sysconf = libc.func('long sysconf(int name)');
    return {
      pageBytes: Number(sysconf(SC_PAGESIZE)),
      mmap: libc.func('uint64_t mmap(uint64_t addr, size_t n, int protection, int flags, int fd, int64_t offset)'),
      mincore: libc.func('int mincore(uint64_t addr, size_t n, void *vector)'),
      munmap: libc.func('int munmap(uint64_t addr, size_t n)'),
    };
  } catch {
    return undefined;
  }
}
