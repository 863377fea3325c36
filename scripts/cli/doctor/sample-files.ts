import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { metricOf } from '../../../lib/bucket/metric-name.ts';
import { excludedDirectories } from '../../../lib/common/glob.ts';
import { isLostAndFound } from '../../../lib/tree/lost-and-found.ts';

export interface Sample {
  /** Paths of `.wsp` files, at most `most`. */
  readonly files: readonly string[];
  /** Directories that could not be listed. */
  readonly closed: readonly string[];
}

/**
 * Finds some Whisper files, from as few directories as possible, because a tree may have millions. Follows symbolic
 * links and skips the directories that a backup skips.
 *
 * @param exclude the same globs as for the backup.
 */
export async function sampleFiles(
  prefix: string,
  most: number,
  exclude: readonly string[],
  signal: AbortSignal,
): Promise<Sample> {
  const skipped = new Set(excludedDirectories({ exclude }));
  const directories: { path: string; below: string }[] = [{ path: prefix, below: '' }];
  const seen = new Set<string>();
  const files: string[] = [];
  const closed: string[] = [];
  for (let at = directories.pop(); at !== undefined && files.length < most; at = directories.pop()) {
    signal.throwIfAborted();
    const { path, below } = at;
    try {
      const { dev, ino } = await stat(path, { bigint: true });
      if (seen.has(`${dev}:${ino}`)) continue;
      seen.add(`${dev}:${ino}`);
      for await (const entry of await opendir(path)) {
        const inner = { path: join(path, entry.name), below: `${below}${metricOf(entry.name)}.` };
        if (await isDirectory(entry, inner.path)) {
          if (!skipped.has(inner.below) && !isLostAndFound(path, entry.name)) directories.push(inner);
        } else if (entry.name.endsWith('.wsp') && files.push(inner.path) >= most) break;
      }
    } catch {
      closed.push(path);
    }
  }
  return { files, closed };
}

/** A link to a missing or unreadable directory counts as no directory: the backup reports it. */
async function isDirectory(
  entry: { isDirectory(): boolean; isSymbolicLink(): boolean },
  path: string,
): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
