import { readdirSync, readFileSync } from 'node:fs';

/**
 * Returns how many more files and sockets this process may open. Node and Deno raise the soft limit to the hard limit
 * when they start.
 *
 * @returns undefined if there is no limit or the system does not report it.
 */
export function spareFiles(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    // readdir itself uses one of the descriptors that it counts.
    return limit === undefined ? undefined : Number(limit) - readdirSync('/proc/self/fd').length + 1;
  } catch {
    return undefined;
  }
}

export const OPEN_FILES_REMEDY = 'raise the limit (ulimit -n, or LimitNOFILE= of the service), or lower --processes';

/** Appends {@link OPEN_FILES_REMEDY} to the message of an error if too many files are open. */
export function withFilesRemedy(reason: string): string {
  return /\b(EMFILE|ENFILE)\b/.test(reason) && !reason.includes(OPEN_FILES_REMEDY)
    ? `${reason}: ${OPEN_FILES_REMEDY}`
    : reason;
}
