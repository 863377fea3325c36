import type { FillWrite } from './fill.ts';
import { type Archive, isCompressed, POINT_SIZE, parseHeader } from './header.ts';
import { alignDown, Ring } from './points.ts';

/** A slot by which to recognize the content of a file: where it is in the file, and the timestamp that is in it. */
export interface Landmark {
  readonly offset: number;
  readonly timestamp: number;
}

/**
 * Picks one point from each archive by which to see later whether a file still holds its content. Updates leave it in
 * place: it is in the newer half of the archive, where the ring comes by again only after half the retention. A file
 * that was created anew does not have it: it is the oldest point there, and new files begin with the newest.
 *
 * @param now in seconds since 1970.
 * @returns none for a file without points or in go-carbon's format.
 */
export function landmarksOf(bytes: Uint8Array, now: number): Landmark[] {
  if (isCompressed(bytes)) return [];
  return parseHeader(bytes).archives.flatMap((archive) => {
    const ring = new Ring(bytes, archive);
    const timestamp = oldestSince(ring, now - archive.retention / 2, now) ?? newest(ring);
    return timestamp === undefined ? [] : [landmark(archive, ring.indexOf(timestamp), timestamp)];
  });
}

/**
 * The same of the points that were written by a fill, so that a copy of the file as it was before the fill lacks them.
 *
 * @param local the file as it was before.
 */
export function landmarksOfFill(local: Uint8Array, writes: readonly FillWrite[], now: number): Landmark[] {
  const before = new DataView(local.buffer, local.byteOffset, local.byteLength);
  return parseHeader(local).archives.flatMap((archive) => {
    const middle = now - archive.retention / 2;
    let oldest: Landmark | undefined;
    let newest: Landmark | undefined;
    for (const write of writes) {
      if (write.offset < archive.offset || write.offset >= archive.offset + archive.size) continue;
      for (const slot of slotsOf(write)) {
        const { offset, timestamp } = slot;
        if (before.getUint32(offset) === timestamp) continue;
        if (timestamp > middle && timestamp < (oldest?.timestamp ?? Number.POSITIVE_INFINITY)) oldest = slot;
        if (timestamp > (newest?.timestamp ?? -1)) newest = slot;
      }
    }
    const found = oldest ?? newest;
    return found ? [found] : [];
  });
}

function oldestSince(ring: Ring, since: number, now: number): number | undefined {
  const { secondsPerPoint } = ring.archive;
  if (ring.base === 0) return undefined;
  for (let at = alignDown(since, secondsPerPoint) + secondsPerPoint; at <= now; at += secondsPerPoint)
    if (ring.timestampAt(ring.indexOf(at)) === at) return at;
  return undefined;
}

function newest(ring: Ring): number | undefined {
  let found: number | undefined;
  for (let i = 0; i < ring.archive.points; i++)
    if (ring.isPointAt(i) && ring.timestampAt(i) > (found ?? 0)) found = ring.timestampAt(i);
  return found;
}

function landmark(archive: Archive, index: number, timestamp: number): Landmark {
  return { offset: archive.offset + index * POINT_SIZE, timestamp };
}

/** One by one: a large file has millions. */
function* slotsOf({ offset, bytes }: FillWrite): Generator<Landmark, void, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += POINT_SIZE) yield { offset: offset + at, timestamp: view.getUint32(at) };
}
