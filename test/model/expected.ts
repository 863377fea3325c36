import type { Content } from './content.ts';

/** A backup, or a tombstone, that the bucket should hold. Times are in milliseconds since 1970. */
export type Item = BackupItem | TombstoneItem;

export interface BackupItem {
  readonly kind: 'backup';
  readonly path: string;
  /** By its name. */
  readonly time: number;
  readonly content: Content;
  /** As stored. */
  readonly size: number;
}

export interface TombstoneItem {
  readonly kind: 'tombstone';
  readonly path: string;
  readonly time: number;
  /** By the store's clock. */
  readonly modified: number;
}

/** The model: what the tree holds and what the bucket should hold, as plain as can be. */
export class Expected {
  /** By path below the prefix, without `.wsp`. */
  readonly locals = new Map<string, Content>();
  /** By key; the bucket's own files aside. */
  readonly bucket = new Map<string, Item>();
  /** The machine that the bucket belongs to. */
  owner: string | undefined;
  /** What time it is at the store. */
  storeTime = Date.UTC(2026, 10, 22, 12, 0, 0, 250);
  /** How far the host's clock is ahead of the store's. */
  skew = 0;
  /** The last content of files that were deleted, so that they can come back as they were. */
  readonly deleted = new Map<string, Content>();
  /** So that no two files are alike by chance. */
  writes = 0;

  /** What time it is at the host. */
  get now(): number {
    return this.storeTime + this.skew;
  }

  backupsOf(path: string): BackupItem[] {
    return ascending(
      [...this.bucket.values()].filter((item) => item.kind === 'backup').filter((item) => item.path === path),
    );
  }

  tombstonesOf(path: string): TombstoneItem[] {
    const all = [...this.bucket.values()].filter((item) => item.kind === 'tombstone');
    return ascending(all.filter((item) => item.path === path));
  }

  /** The metrics of which the bucket holds something. */
  stored(): string[] {
    return [...new Set([...this.bucket.values()].map(({ path }) => path))];
  }
}

function ascending<T extends Item>(items: T[]): T[] {
  return items.sort((a, b) => a.time - b.time);
}

/** The key of an item, by the contract with buckets. */
export function keyOf(item: Item): string {
  const stamp = `${new Date(item.time).toISOString().slice(0, 19)}+00:00`;
  const rest = item.kind === 'backup' ? `${item.content.sha1}.wsp.gz` : 'gone';
  return `${metricOf(item.path)}/${stamp}.${rest}`;
}

/** The dotted name, in which a dot of the path itself is escaped. */
export function metricOf(path: string): string {
  return path.replaceAll('.', '%2E').replaceAll('/', '.');
}
