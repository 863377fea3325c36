import { constants, deflateRawSync } from 'node:zlib';
import { Crc32c } from '@aws-crypto/crc32c';
import snappyjs from 'snappyjs';

const MIB = 2 ** 20;

/** Streams that begin with some bytes and go on with very many zeros, in a thousandth of their room. */
export const bombs: Readonly<Record<'gz' | 'zst' | 'sz', (head: Uint8Array, mebibytes: number) => Uint8Array>> = {
  gz(head, mebibytes) {
    const part = (data: Uint8Array) => deflateRawSync(data, { finishFlush: constants.Z_FULL_FLUSH });
    const zeros = part(new Uint8Array(MIB));
    const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);
    // An end, and a CRC and size that lie: decoding must have ended long before.
    return join(
      header,
      part(head),
      ...Array.from({ length: mebibytes }, () => zeros),
      Uint8Array.of(3, 0),
      new Uint8Array(8),
    );
  },
  zst(head, mebibytes) {
    const size = 128 * 1024;
    const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3);
    const blocks = 8 * mebibytes;
    const runs = Array.from({ length: blocks }, (_, i) => zstdBlock(i + 1 === blocks, 1, size, Uint8Array.of(0)));
    return join(frame, zstdBlock(false, 0, head.length, head), ...runs);
  },
  sz(head, mebibytes) {
    const identifier = Uint8Array.of(0xff, 6, 0, 0, ...new TextEncoder().encode('sNaPpY'));
    const zeros = snappyChunk(new Uint8Array(65_536));
    return join(identifier, snappyChunk(head), ...Array.from({ length: 16 * mebibytes }, () => zeros));
  },
};

/** A Zstandard stream of very many blocks, each of one byte, with the largest window there may be. */
export function zstdCrumbs(blocks: number): Uint8Array {
  const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 17 << 3);
  return join(frame, ...Array.from({ length: blocks }, (_, i) => zstdBlock(i + 1 === blocks, 1, 1, Uint8Array.of(0))));
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** RFC 8878, section 3.1.1.2. @param type 0 as it is, 1 one byte repeated. */
function zstdBlock(last: boolean, type: 0 | 1, size: number, body: Uint8Array): Uint8Array {
  const header = Number(last) | (type << 1) | (size << 3);
  return join(Uint8Array.of(header & 255, (header >> 8) & 255, header >> 16), body);
}

/** A compressed chunk of the framing format, with its checksum. */
function snappyChunk(data: Uint8Array): Uint8Array {
  const body = snappyjs.compress(data);
  const crc = new Crc32c().update(data).digest();
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  const header = Buffer.alloc(8);
  header.writeUInt32LE((body.length + 4) * 256, 0);
  header.writeUInt32LE(masked, 4);
  return join(header, body);
}
