import { closeSync, constants, fchmodSync, openSync, type Stats, unlinkSync, writeFileSync } from 'node:fs';
import { codeOf } from '../../common/errors.ts';
import type { Place } from '../../system/open-place.ts';
import { type Owner, setOwner } from '../../tree/place.ts';
import { temporaryName } from '../../tree/temporary.ts';
import { type Trace, traceOfNew } from '../trace.ts';

interface NewFileOptions {
  /** Current time, Unix time in milliseconds. */
  readonly now: number;
  readonly owner?: Owner;
  /** The file whose mode and owner it gets. @default readable by all, and the owner as for a new file */
  readonly like?: Stats;
}

/**
 * Writes a file under a temporary name in the same directory, and publishes it from there.
 *
 * @param publishFile gives the temporary file its own name; the temporary name is removed afterwards in any case.
 */
export function withTemporary(
  place: Place,
  data: Uint8Array,
  options: NewFileOptions,
  publishFile: (path: string) => void,
): Trace {
  const temporary = place.beside(temporaryName());
  const fd = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  let trace: Trace;
  try {
    try {
      writeFileSync(fd, data);
      const { like } = options;
      if (like) setOwner(fd, undefined, like);
      else setOwner(fd, options.owner, place.directory.stats());
      // No set-user-ID: the owner of the tree chooses the content.
      fchmodSync(fd, like ? like.mode & 0o777 : 0o644);
      trace = traceOfNew(fd, data, Math.floor(options.now / 1000));
    } finally {
      closeSync(fd);
    }
    publishFile(temporary);
    return trace;
  } finally {
    removeIfThere(temporary);
  }
}

/** The file is missing if it was renamed. */
function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
