import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { metricOf } from '../../../lib/bucket/layout.ts';
import { excludedDirectories } from '../../../lib/common/glob.ts';
import { isLostAndFound } from '../../../lib/tree/lost-and-found.ts';

export interface Sample {
  /** Paths of `.wsp` files, as many as were asked for at most. */
  readonly files: readonly string[];
  /** Directories that could not be listed. */
  readonly closed: readonly string[];
}

/**
 * Some Whisper files of a tree, from as few directories as hold them: it must not walk millions. Directories that a
 * backup does not read are left out, links are followed.
 *
 * @param exclude as the backup has it.
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

/** A link to what is missing or closed is none to a directory; the backup names it. */
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
