import { readFile } from 'node:fs/promises';
import { freemem } from 'node:os';
import prettyBytes from 'pretty-bytes';
import { bad, type Check, ok, warn } from './check.ts';

/**
 * What the program takes before it holds a file, and what each of its threads does, in bytes. Backups of 1 MB files took
 * 190 MB with 2 threads and 294 MB with 4, so 86 and 52 MB with what they had in flight: this is on the safe side.
 */
const BASE = 160 * 2 ** 20;
const THREAD = 48 * 2 ** 20;

/** Whether there is room for the files that are held in memory at once. */
export const memory: Check = {
  name: 'memory',
  async run({ config }) {
    const { processes, bytesInFlight } = config;
    const needed = BASE + processes * THREAD + bytesInFlight;
    const free = Math.min(await availableBytes(), process.constrainedMemory?.() || Number.POSITIVE_INFINITY);
    const finding = `${bytes(free)} of memory are free; a backup with processes: ${processes} and bytesInFlight: ${bytes(bytesInFlight)} takes up to ${bytes(needed)}`;
    if (free >= needed) return ok(finding);
    const remedy = 'Set fewer processes:, or less bytesInFlight:';
    return free < needed / 2 ? bad(finding, remedy) : warn(finding, remedy);
  },
};

/** What can be had without swapping: on Linux more than what is free, which leaves out the page cache. */
async function availableBytes(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return kibibytes === undefined ? freemem() : Number(kibibytes) * 1024;
}

function bytes(count: number): string {
  return prettyBytes(count, { binary: true });
}
