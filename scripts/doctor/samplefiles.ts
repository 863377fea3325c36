import { opendir } from 'node:fs/promises';
import { join } from 'node:path';

export interface Sample {
  /** Paths of `.wsp` files, as many as were asked for at most. */
  readonly files: readonly string[];
  /** Directories that could not be listed. */
  readonly closed: readonly string[];
}

/** Some Whisper files of a tree, from as few directories as hold them: it must not walk millions. */
export async function sampleFiles(prefix: string, most: number, signal: AbortSignal): Promise<Sample> {
  const directories = [prefix];
  const files: string[] = [];
  const closed: string[] = [];
  for (let path = directories.pop(); path !== undefined && files.length < most; path = directories.pop()) {
    signal.throwIfAborted();
    try {
      for await (const entry of await opendir(path)) {
        if (entry.isDirectory()) directories.push(join(path, entry.name));
        else if (entry.name.endsWith('.wsp') && files.push(join(path, entry.name)) >= most) break;
      }
    } catch {
      closed.push(path);
    }
  }
  return { files, closed };
}
