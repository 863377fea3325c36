import type { FillWrite } from './fill-writes.ts';
import { type Archive, isCompressed, POINT_SIZE, parseHeader } from './header.ts';
import { alignDown, Ring } from './points.ts';

/** A slot that identifies the content of a file. */
export interface Landmark {
  /** Position of the slot in the file, in bytes. */
  readonly offset: number;
  readonly timestamp: number;
}

/**
 * Picks one point of each archive that shows later whether a file still has its content. It is the oldest point in the
 * newer half of the archive: updates do not overwrite it until half the retention has passed, and a newly created file
 * does not have it.
 *
 * @param now Unix time in seconds.
 * @returns no landmarks for a file without points or in go-carbon's format.
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
 * Like {@link landmarksOf}, but picks points that the fill added, so that a copy of the unfilled file does not have
 * them.
 *
 * @param local the file before the fill.
 */
export function landmarksOfFill(local: Uint8Array, writes: Iterable<FillWrite>, now: number): Landmark[] {
  const before = new DataView(local.buffer, local.byteOffset, local.byteLength);
  return parseHeader(local).archives.flatMap((archive) => {
    const middle = now - archive.retention / 2;
    let oldest: Landmark | undefined;
    let newest: Landmark | undefined;
    for (const write of writes) {
      if (write.offset < archive.offset || write.offset >= archive.offset + archive.size) continue;
      for (const slot of slotsOf(write)) {
        const { offset, timestamp } = slot;
        // Also not the slots that the restore of a window has emptied.
        if (before.getUint32(offset) === timestamp || timestamp <= archive.retention) continue;
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

/** A generator, because a large file has millions of slots. */
function* slotsOf({ offset, bytes }: FillWrite): Generator<Landmark, void, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += POINT_SIZE) yield { offset: offset + at, timestamp: view.getUint32(at) };
}
