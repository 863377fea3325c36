import { parseKey, rootOf } from '../../bucket/layout.ts';
import { type Backup, type StoredMetric, stemOf } from '../../bucket/metric.ts';
import type { DamageCode } from '../../common/codes.ts';
import type { PlaceOptions } from '../../common/options.ts';
import { DAY } from '../../expiry/age.ts';
import type { StoredObject } from '../../store/store.ts';
import { FILE_BYTES } from '../../tree/read-file.ts';

/** A damaged backup, or a part of one, that no restore can use. */
export interface Flaw {
  /** Key of the damaged object. */
  readonly key: string;
  /** Time of the backup, from its key. */
  readonly time: Date;
  /** Stable, e.g. `EMPTY_BACKUP`. */
  readonly code: DamageCode;
  /** For people. Does not name the key. */
  readonly reason: string;
  /** All objects of the backup. */
  readonly sha1s: readonly StoredObject[];
  readonly data: readonly StoredObject[];
  /** The backup, if it counts as one in the listing. */
  readonly backup?: Backup;
}

interface ListedFlaws {
  readonly flaws: readonly Flaw[];
  /** Data without a checksum, younger than a day: a run may still write the checksum, or a purge was interrupted. */
  readonly unfinished: readonly StoredObject[];
}

/** Finds the flaws of one metric that the listing shows. */
export function listedFlaws(stored: StoredMetric, place: PlaceOptions, now: Date): ListedFlaws {
  const flaws: Flaw[] = [];
  const unfinished: StoredObject[] = [];
  const sha1s = new Map(stored.loneSha1s.map((object) => [stemOf(object), object]));
  for (const object of stored.leftovers) {
    const { key } = object;
    const { kind, time } = read(key, place);
    const sha1 = kind === 'pair-data' ? sha1s.get(stemOf(object)) : undefined;
    const flaw = { key, time, sha1s: sha1 ? [sha1] : [], data: [object] };
    if (sha1) sha1s.delete(stemOf(object));
    if (kind === 'backup' || kind === 'replaced' || sha1)
      flaws.push({ ...flaw, code: 'EMPTY_BACKUP', reason: 'it is empty' });
    else if (now.getTime() - Math.max(time.getTime(), object.modified.getTime()) <= DAY) unfinished.push(object);
    else flaws.push({ ...flaw, code: 'NO_SHA1', reason: 'it is the data of a pair without its checksum' });
  }
  for (const object of sha1s.values()) {
    const { key } = object;
    const { time } = read(key, place);
    flaws.push({ key, time, code: 'LONE_SHA1', reason: 'it is a checksum without data', sha1s: [object], data: [] });
  }
  for (const backup of [...stored.backups, ...stored.replaced]) {
    if (backup.object.size > FILE_BYTES) {
      const reason = `it has ${backup.object.size} bytes, the limit of a restore is ${FILE_BYTES}`;
      flaws.push(flawOf(backup, 'TOO_LARGE', reason));
    }
  }
  return { flaws, unfinished };
}

export function flawOf(backup: Backup, code: DamageCode, reason: string): Flaw {
  const { object, sha1Object, time } = backup;
  return { key: object.key, time, code, reason, sha1s: sha1Object ? [sha1Object] : [], data: [object], backup };
}

/** Parses a key of a metric. If the root is empty, the key may start with a slash. */
function read(key: string, place: PlaceOptions): { kind: string; time: Date } {
  const root = rootOf(place);
  const parsed = parseKey(key.slice(root === '' && key.startsWith('/') ? 1 : root.length));
  return { kind: parsed.kind, time: 'time' in parsed ? parsed.time : new Date(0) };
}
