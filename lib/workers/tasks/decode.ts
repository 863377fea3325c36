import { createHash } from 'node:crypto';
import { codeOf, WhisperBackupError } from '../../common/errors.ts';
import { claimedBytes } from '../../compress/claimed-size.ts';
import type { Algorithm, Decompressor } from '../../compress/codec.ts';
import { createDecompressor } from '../../compress/engine.ts';
import { CompressionError } from '../../compress/errors.ts';
import { collectYoungGarbage } from '../../system/collect-garbage.ts';
import { type Allocate, FILE_BYTES } from '../../tree/read-file.ts';
import { isCompressed, MAX_TRAILING_BYTES, sizeOf } from '../../whisper/header.ts';

/** A backup as it came from the store. */
export interface EncodedBackup {
  readonly key: string;
  readonly body: Uint8Array;
  readonly algorithm: Algorithm;
  /** Of the uncompressed file. */
  readonly sha1: string;
  /** How many bytes are reserved for what it becomes. @default as many as a file may have */
  readonly reservedBytes?: number;
}

/** For files of this size it is worth to free first what the last one took. */
const LARGE_BYTES = 2 ** 22;

/** What a stream that does not say how much it holds may become without a readable Whisper header. */
const UNSOUND_BYTES = 2 ** 24;

interface DecodeOptions {
  /** What decompresses it. @default 'auto' */
  readonly engine?: string;
  /** Believe the stream's own size where the header does not account for it. @default false */
  readonly includeDamaged?: boolean;
  /** Where the file goes, of which the result is then a view. @default memory of its own */
  readonly memory?: Allocate;
}

/**
 * Decompresses a backup, and checks that it is whole and what was stored; not what it holds.
 *
 * @throws CompressionError (`COMPRESSION_UNDERSTATED` when it needs more than was reserved), or WhisperBackupError
 *   `WRONG_SHA1`.
 */
export async function decodeBackup(backup: EncodedBackup, options: DecodeOptions = {}): Promise<Uint8Array> {
  const decompressor = await createDecompressor({ algorithm: backup.algorithm, engine: options.engine ?? 'auto' });
  if ((backup.reservedBytes ?? 0) >= LARGE_BYTES) collectYoungGarbage();
  const data = decompress(decompressor, backup, options);
  const sha1 = createHash('sha1').update(data).digest('hex');
  if (sha1 !== backup.sha1) {
    throw new WhisperBackupError(
      'WRONG_SHA1',
      `Cannot restore ${backup.key}: its data has the SHA-1 ${sha1}, not ${backup.sha1}`,
    );
  }
  return data;
}

function decompress(
  decompressor: Decompressor,
  { algorithm, body, reservedBytes }: EncodedBackup,
  { includeDamaged = false, memory }: DecodeOptions,
): Uint8Array {
  const claimed = claimedBytes(algorithm, body);
  const most = includeDamaged ? FILE_BYTES : MAX_TRAILING_BYTES;
  const maxBytes = Math.min(FILE_BYTES, reservedBytes ?? FILE_BYTES);
  let allowed = FILE_BYTES;
  const sizeOfHead = (head: Uint8Array) => {
    const bound = boundOf(head, claimed, most);
    allowed = bound ?? FILE_BYTES;
    return bound;
  };
  try {
    return decompressor.decompress(body, {
      maxBytes,
      sizeOf: sizeOfHead,
      ...(reservedBytes !== undefined && { expectedBytes: reservedBytes }),
      ...(memory && { memory }),
    });
  } catch (error) {
    if (codeOf(error) !== 'COMPRESSION_TOO_LARGE' || maxBytes >= allowed) throw error;
    const message = `Cannot decompress: it holds more than the ${maxBytes} bytes that it says`;
    throw new CompressionError('COMPRESSION_UNDERSTATED', message, { cause: error });
  }
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
