import { closeSync, readSync } from 'node:fs';
import { openRegular } from '../../tree/read-file.ts';
import { inodeOf, type Trace } from '../trace.ts';

interface RecheckTask {
  readonly files: readonly { readonly file: string; readonly trace: Trace }[];
}

/**
 * Checks whether files still have their restored content.
 *
 * @returns for each file whether another process has emptied, replaced or removed it; also true if it cannot be read,
 *   because filling it again reports the reason.
 */
export async function recheck({ files }: RecheckTask): Promise<boolean[]> {
  return files.map(({ file, trace }) => {
    try {
      return isUndone(file, trace);
    } catch {
      return true;
    }
  });
}

function isUndone(file: string, { inode, mtimeMs, landmarks }: Trace): boolean {
  const { fd, stats } = openRegular(file, 'read');
  try {
    if (landmarks === undefined) return stats.size === 0n;
    if (inodeOf(fd) !== inode) return true;
    if (mtimeMs !== undefined && Number(stats.mtimeMs) === mtimeMs) return false;
    return !landmarks.every(({ offset, timestamp }) => timestampAt(fd, offset) === timestamp);
  } finally {
    closeSync(fd);
  }
}

function timestampAt(fd: number, offset: number): number | undefined {
  const bytes = new Uint8Array(4);
  return readSync(fd, bytes, 0, 4, offset) === 4 ? new DataView(bytes.buffer).getUint32(0) : undefined;
}
