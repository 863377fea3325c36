import { closeSync } from 'node:fs';
import { HEAD_BYTES, type Header, parseHead } from '../whisper/header.ts';
import { openRegular, readInto } from './read-file.ts';

/**
 * Reads the header of a file. Needs no lock: writing points does not change it.
 *
 * @returns with the size of the file in bytes; undefined if it has 0 bytes, because carbon is creating it.
 * @throws WhisperError if it is damaged or compressed.
 * @throws WhisperBackupError `VANISHED`, `DANGLING_LINK`, `NOT_REGULAR`
 */
export function readHeader(file: string): { readonly header: Header; readonly size: number } | undefined {
  const { fd, stats } = openRegular(file, 'read');
  try {
    const size = Number(stats.size);
    if (size === 0) return undefined;
    return { header: parseHead(readInto(fd, new Uint8Array(Math.min(size, HEAD_BYTES))), size), size };
  } finally {
    closeSync(fd);
  }
}
