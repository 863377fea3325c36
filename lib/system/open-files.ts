import { readdirSync, readFileSync } from 'node:fs';

/**
 * How many files and sockets this process may still open. Node and Deno raise the soft limit to the hard one when they
 * start.
 *
 * @returns undefined where the system does not tell, or sets no limit.
 */
export function spareFiles(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    // One of them is the descriptor by which they are counted.
    return limit === undefined ? undefined : Number(limit) - readdirSync('/proc/self/fd').length + 1;
  } catch {
    return undefined;
  }
}

/** What to do about `EMFILE`. */
export const MORE_FILES = 'raise the limit (ulimit -n, or LimitNOFILE= of the service), or lower --processes';

/** The text of an error that ends a run, with what to do when it is that too many files are open. */
export function withFilesRemedy(reason: string): string {
  return /\b(EMFILE|ENFILE)\b/.test(reason) && !reason.includes(MORE_FILES) ? `${reason}: ${MORE_FILES}` : reason;
}
