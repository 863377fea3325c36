import { createHash } from 'node:crypto';
import { claimedBytes } from '../compress/claimedsize.ts';
import type { Algorithm } from '../compress/codec.ts';
import { createDecompressor } from '../compress/engine.ts';
import { WhisperBackupError } from '../errors.ts';
import { FILE_BYTES } from '../tree/readfile.ts';
import { isCompressed, MAX_TRAILING_BYTES, sizeOf } from '../whisper/header.ts';

/** A backup as it came from the store. */
export interface EncodedBackup {
  readonly key: string;
  readonly body: Uint8Array;
  readonly algorithm: Algorithm;
  /** Of the uncompressed file. */
  readonly sha1: string;
}

/** What a stream that does not say how much it holds may become without a readable Whisper header. */
const UNSOUND_BYTES = 2 ** 24;

export interface DecodeOptions {
  /** What decompresses it. @default 'auto' */
  readonly engine?: string;
  /** Believe the stream's own size where the header does not account for it. @default false */
  readonly includeDamaged?: boolean;
}

/**
 * Decompresses a backup, and checks that it is whole and what was stored; not what it holds.
 *
 * @throws CompressionError, or WhisperBackupError `WRONG_SHA1`.
 */
export async function decodeBackup(backup: EncodedBackup, options: DecodeOptions = {}): Promise<Uint8Array> {
  const { engine = 'auto', includeDamaged = false } = options;
  const { algorithm, body } = backup;
  const decompressor = await createDecompressor({ algorithm, engine });
  const claimed = claimedBytes(algorithm, body);
  const most = includeDamaged ? FILE_BYTES : MAX_TRAILING_BYTES;
  const bound = { maxBytes: FILE_BYTES, sizeOf: (head: Uint8Array) => boundOf(head, claimed, most) };
  const data = decompressor.decompress(body, bound);
  const sha1 = createHash('sha1').update(data).digest('hex');
  if (sha1 !== backup.sha1) {
    throw new WhisperBackupError(
      'WRONG_SHA1',
      `Cannot restore ${backup.key}: its data has the SHA-1 ${sha1}, not ${backup.sha1}`,
    );
  }
  return data;
}

/**
 * Returns how many bytes there may be: what the header asks for, or what the stream claims if that is more, but not more
 * by so much that it must be a bomb.
 *
 * @param most how many bytes the stream may claim beyond those of the header.
 * @returns undefined for go-carbon's format, whose first bytes do not tell.
 */
function boundOf(head: Uint8Array, claimed: number | undefined, most: number): number | undefined {
  if (isCompressed(head)) return undefined;
  const size = sizeOf(head);
  // A gzip stream of several members claims less than it holds.
  if (claimed === undefined || claimed < (size ?? 0)) {
    return size === undefined ? UNSOUND_BYTES : size + MAX_TRAILING_BYTES;
  }
  return claimed <= (size ?? 0) + most ? claimed : (size ?? UNSOUND_BYTES);
}
