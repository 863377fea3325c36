import { readFile } from 'node:fs/promises';
import { freemem } from 'node:os';
import prettyBytes from 'pretty-bytes';
import { bad, type Check, ok, warn } from './check.ts';

/**
 * Memory of the program without files, and of each thread, in bytes. Backups of 1 MB files took 190 MB with 2 threads and
 * 294 MB with 4: 86 MB for the program and 52 MB per thread, including files in flight. These values leave a margin.
 */
const BASE = 160 * 2 ** 20;
const THREAD = 48 * 2 ** 20;

/** Checks that enough memory is available for the files in flight. */
export const memory: Check = {
  name: 'memory',
  async run({ config }) {
    const { processes, bytesInFlight } = config;
    const needed = BASE + processes * THREAD + bytesInFlight;
    const free = Math.min(await availableBytes(), process.constrainedMemory?.() || Number.POSITIVE_INFINITY);
    const finding = `${bytes(free)} of memory is available; a backup with processes: ${processes} and bytesInFlight: ${bytes(bytesInFlight)} needs up to ${bytes(needed)}`;
    if (free >= needed) return ok(finding);
    const remedy = 'Lower processes: or bytesInFlight:';
    return free < needed / 2 ? bad(finding, remedy) : warn(finding, remedy);
  },
};

/** Returns the memory available without swapping. On Linux that includes the page cache, which `freemem` leaves out. */
async function availableBytes(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return kibibytes === undefined ? freemem() : Number(kibibytes) * 1024;
}

function bytes(count: number): string {
  return prettyBytes(count, { binary: true });
}
