import { createHash } from 'node:crypto';
import { type Backup, sha1Of } from '../../bucket/metric.ts';
import { codeOf, WhisperBackupError } from '../../common/errors.ts';
import { claimedBytes, plausibleBytes } from '../../compress/claimed-size.ts';
import type { Algorithm, Decompressor } from '../../compress/codec.ts';
import { createDecompressor } from '../../compress/engine.ts';
import { CompressionError } from '../../compress/errors.ts';
import type { ObjectStore } from '../../store/store.ts';
import { collectYoungGarbage } from '../../system/collect-garbage.ts';
import { type Allocate, FILE_BYTES } from '../../tree/read-file.ts';
import { isCompressed, MAX_TRAILING_BYTES, sizeOf } from '../../whisper/header.ts';

/** A backup as fetched from the store. */
export interface EncodedBackup {
  readonly key: string;
  readonly body: Uint8Array;
  readonly algorithm: Algorithm;
  /** Of the uncompressed file. */
  readonly sha1: string;
  /** Bytes reserved for the uncompressed file. @default the largest size of a file */
  readonly reservedBytes?: number;
}

/**
 * Fetches a backup and its SHA-1.
 *
 * @param trustSize reserve the uncompressed size that the backup declares; otherwise the largest possible size.
 * @throws StoreError
 * @throws WhisperBackupError `BAD_SHA1`
 */
export async function fetchBackup(
  backup: Backup,
  store: ObjectStore,
  signal: AbortSignal,
  trustSize: boolean,
): Promise<EncodedBackup> {
  const { algorithm, object } = backup;
  const { key, size: expectedBytes, version } = object;
  const sha1 = await sha1Of(backup, store, signal);
  const body = await store.get(key, { maxBytes: FILE_BYTES, expectedBytes, version, signal });
  const reservedBytes = trustSize ? plausibleBytes(algorithm, body) : undefined;
  return { key, body, algorithm, sha1, ...(reservedBytes !== undefined && { reservedBytes }) };
}

/** From this size on, memory of the previous file is freed first. */
const LARGE_BYTES = 2 ** 22;

/** Limit for a stream that declares no size and has no readable Whisper header. */
const UNKNOWN_BYTES = 2 ** 24;

interface DecodeOptions {
  /** Name of the engine that decompresses it. @default 'auto' */
  readonly engine?: string;
  /** Trust the size that the stream declares, even if the Whisper header requires less. @default false */
  readonly includeDamaged?: boolean;
  /** Provides memory for the file; the result may be a view of it. @default new memory */
  readonly memory?: Allocate;
}

/**
 * Decompresses a backup and checks that it is whole and has the right SHA-1. Does not check its content.
 *
 * @throws CompressionError, `COMPRESSION_UNDERSTATED` if it is larger than `reservedBytes`.
 * @throws WhisperBackupError `WRONG_SHA1`
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
  const maxExtra = includeDamaged ? FILE_BYTES : MAX_TRAILING_BYTES;
  const maxBytes = Math.min(FILE_BYTES, reservedBytes ?? FILE_BYTES);
  let allowed = FILE_BYTES;
  const sizeOfHead = (head: Uint8Array) => {
    const bound = boundOf(head, claimed, maxExtra);
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
    const message = `Cannot decompress: it has more than the ${maxBytes} bytes that it declares`;
    throw new CompressionError('COMPRESSION_UNDERSTATED', message, { cause: error });
  }
}

/**
 * Returns the maximum size of the output: the size that the Whisper header requires, or the one that the stream
 * declares if that is larger by at most `maxExtra`, so that a decompression bomb is rejected.
 *
 * @returns undefined for go-carbon's format, whose header does not contain the size.
 */
function boundOf(head: Uint8Array, claimed: number | undefined, maxExtra: number): number | undefined {
  if (isCompressed(head)) return undefined;
  const size = sizeOf(head);
  // A gzip stream of several members declares only the size of the last one.
  if (claimed === undefined || claimed < (size ?? 0)) {
    return size === undefined ? UNKNOWN_BYTES : size + MAX_TRAILING_BYTES;
  }
  return claimed <= (size ?? 0) + maxExtra ? claimed : (size ?? UNKNOWN_BYTES);
}
