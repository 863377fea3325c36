import { lstat, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ConfigError } from './errors.ts';

/** Write permission for group or others. */
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/**
 * Checks that only root and the effective user can have written or replaced a file:
 *
 * - it is a regular file, owned by root or by us, and not writable by group or others;
 * - the same holds for its directory, even if that is sticky like /tmp;
 * - each directory above may be sticky; otherwise the same holds for it.
 *
 * Follows symbolic links, and checks the target of each by the same rules.
 *
 * @returns the real path of the file.
 * @throws ConfigError with the offending path and the command that corrects it.
 */
export async function checkTrusted(path: string): Promise<string> {
  let place = resolve(path);
  await checkDirectories(place, path);
  for (let links = 0; (await lstat(place)).isSymbolicLink(); links++) {
    if (links === 40)
      throw new ConfigError(`Cannot use ${path}: it is part of a loop of symbolic links; name the file itself`);
    place = resolve(dirname(place), await readlink(place));
    await checkDirectories(place, path);
  }
  const real = await realpath(place);
  if (real !== place) await checkDirectories(real, path);
  const found = await stat(real);
  if (!found.isFile()) throw new ConfigError(`Cannot use ${path}: it is not a regular file`);
  checkOwner(found, real, path);
  if ((found.mode & OTHERS_WRITE) !== 0) {
    throw new ConfigError(`Cannot use ${path}: other users can write it; run: chmod go-w ${real}`);
  }
  return real;
}

async function checkDirectories(file: string, path: string): Promise<void> {
  const nearest = dirname(file);
  for (let directory = nearest; ; directory = dirname(directory)) {
    const found = await stat(directory);
    checkOwner(found, directory, path);
    const sticky = directory !== nearest && (found.mode & STICKY) !== 0;
    if ((found.mode & OTHERS_WRITE) !== 0 && !sticky) {
      throw new ConfigError(
        `Cannot use ${path}: other users can write its directory ${directory}; run: chmod go-w ${directory}`,
      );
    }
    if (directory === dirname(directory)) return;
  }
}

function checkOwner(found: { uid: number }, place: string, path: string): void {
  const self = process.geteuid?.() ?? 0;
  if (found.uid !== 0 && found.uid !== self) {
    throw new ConfigError(`Cannot use ${path}: ${place} belongs to user ${found.uid}, not to root or user ${self}`);
  }
}
