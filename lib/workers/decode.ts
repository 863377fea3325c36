import { createHash } from 'node:crypto';
import type { Algorithm } from '../compress/codec.ts';
import { createDecompressor } from '../compress/engine.ts';
import { WhisperBackupError } from '../errors.ts';
import { FILE_BYTES } from '../tree/readfile.ts';
import { isCompressed, parseHeader, sizeOf } from '../whisper/header.ts';

/** A backup as it came from the store. */
export interface EncodedBackup {
  readonly key: string;
  readonly body: Uint8Array;
  readonly algorithm: Algorithm;
  /** Of the uncompressed file. */
  readonly sha1: string;
}

/** What may come of data that no Whisper header begins: it is damaged, and how is told by the SHA-1 of the whole. */
const UNSOUND_BYTES = 2 ** 24;

/**
 * Decompresses a backup and checks it: that it is whole, that it is what was stored, and that it is Whisper data.
 * Output is bounded by the size that the Whisper header tells, and where there is none by 16 MiB.
 *
 * @param engine what decompresses it.
 * @throws CompressionError, WhisperError, or WhisperBackupError `WRONG_SHA1`.
 */
export async function decodeBackup(backup: EncodedBackup, engine = 'auto'): Promise<Uint8Array> {
  const decompressor = await createDecompressor({ algorithm: backup.algorithm, engine });
  const data = decompressor.decompress(backup.body, { maxBytes: FILE_BYTES, sizeOf: boundOf });
  const sha1 = createHash('sha1').update(data).digest('hex');
  if (sha1 !== backup.sha1) {
    throw new WhisperBackupError(
      'WRONG_SHA1',
      `Cannot restore ${backup.key}: its data has the SHA-1 ${sha1}, not ${backup.sha1}`,
    );
  }
  if (!isCompressed(data)) parseHeader(data);
  return data;
}

/** What the first bytes allow; those of go-carbon's format do not tell. */
function boundOf(head: Uint8Array): number | undefined {
  return sizeOf(head) ?? (isCompressed(head) ? undefined : UNSOUND_BYTES);
}
