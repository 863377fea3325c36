import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

/*
 * The file is a sequence of frames: length (4 bytes, little-endian), SHA-1 (20 bytes), payload. So damage is noticed
 * before anything behind it is believed, with one frame in memory.
 */

const HEAD_BYTES = 24;

/** A longer payload is damage: the largest that is written is a block of names of 1,024 bytes at most. */
const PAYLOAD_BYTES = 8 * 1024 * 1024;

export function encodeFrame(value: unknown): Uint8Array {
  const payload = Buffer.from(JSON.stringify(value));
  const head = Buffer.alloc(4);
  head.writeUInt32LE(payload.length);
  return Buffer.concat([head, sha1(payload), payload]);
}

/** Reads frames one after another, until the file ends or something is wrong: it does not say which. */
export async function* readFrames(file: FileHandle): AsyncGenerator<unknown> {
  for (let position = 0; ; ) {
    const head = await readExactly(file, position, HEAD_BYTES);
    if (!head) return;
    const length = head.readUInt32LE();
    if (length > PAYLOAD_BYTES) return;
    const payload = await readExactly(file, position + HEAD_BYTES, length);
    if (!payload || !sha1(payload).equals(head.subarray(4))) return;
    yield JSON.parse(payload.toString());
    position += HEAD_BYTES + length;
  }
}

async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer | undefined> {
  const buffer = Buffer.alloc(length);
  for (let read = 0; read < length; ) {
    const { bytesRead } = await file.read(buffer, read, length - read, position + read);
    if (bytesRead === 0) return undefined;
    read += bytesRead;
  }
  return buffer;
}

function sha1(bytes: Uint8Array): Buffer {
  return createHash('sha1').update(bytes).digest();
}
