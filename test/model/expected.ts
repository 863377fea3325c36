import type { Content } from './content.ts';

/** An expected backup or tombstone of the bucket. Times are Unix times in milliseconds. */
export type Item = BackupItem | ReplacedItem | Sha1Item | TombstoneItem;

export interface BackupItem {
  readonly kind: 'backup';
  readonly path: string;
  /** By its name. */
  readonly time: number;
  readonly content: Content;
  /** As stored. */
  readonly size: number;
  /** By the store's clock. */
  readonly modified: number;
  /** Of a pair, as the Python tool writes it: when its data was stored, by the store's clock. */
  readonly pairSince?: number;
}

/** A file that a restore has replaced. */
export interface ReplacedItem extends Omit<BackupItem, 'kind' | 'pairSince'> {
  readonly kind: 'replaced';
}

/** The other half of a pair. */
export interface Sha1Item {
  readonly kind: 'sha1';
  readonly path: string;
  readonly time: number;
}

export interface TombstoneItem {
  readonly kind: 'tombstone';
  readonly path: string;
  readonly time: number;
  /** By the store's clock. */
  readonly modified: number;
}

export interface HoldItem {
  readonly date: number;
  readonly only: string | undefined;
  readonly until: number;
}

/** The model: the content of the tree and the expected content of the bucket, as simple as possible. */
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
  /** The last content of deleted files, so that they can be created again unchanged. */
  readonly deleted = new Map<string, Content>();
  /** By name: of each metric below the directory, or of all, the newest backup before the date is kept until the end. */
  readonly holds = new Map<string, HoldItem>();
  /** Whether the Python tool may write to the bucket, too. */
  takesPairs = false;
  /** So that no two files are alike by chance. */
  writes = 0;

  /** What time it is at the host. */
  get now(): number {
    return this.storeTime + this.skew;
  }

  backupsOf(path: string): BackupItem[] {
    return this.#dataOf(path).filter((item) => this.#isWhole(item));
  }

  /** Data of pairs that have lost their checksums. */
  leftoversOf(path: string): BackupItem[] {
    return this.#dataOf(path).filter((item) => !this.#isWhole(item));
  }

  #dataOf(path: string): BackupItem[] {
    const all = [...this.bucket.values()].filter((item) => item.kind === 'backup');
    return ascending(all.filter((item) => item.path === path));
  }

  #isWhole({ path, time, pairSince }: BackupItem): boolean {
    return pairSince === undefined || this.bucket.has(keyOf({ kind: 'sha1', path, time }));
  }

  replacedOf(path: string): ReplacedItem[] {
    const all = [...this.bucket.values()].filter((item) => item.kind === 'replaced');
    return ascending(all.filter((item) => item.path === path));
  }

  tombstonesOf(path: string): TombstoneItem[] {
    const all = [...this.bucket.values()].filter((item) => item.kind === 'tombstone');
    return ascending(all.filter((item) => item.path === path));
  }

  /** The metrics with any object in the bucket. */
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
  return `${metricOf(item.path)}/${stamp}.${endOf(item)}`;
}

function endOf(item: Item): string {
  if (item.kind === 'tombstone') return 'gone';
  if (item.kind === 'sha1') return 'sha1';
  if (item.kind === 'replaced') return `${item.content.sha1}.wsp.gz.replaced`;
  return item.pairSince === undefined ? `${item.content.sha1}.wsp.gz` : 'wsp.gz';
}

/** The dotted name, in which a dot of the path itself is escaped. */
export function metricOf(path: string): string {
  return path.replaceAll('.', '%2E').replaceAll('/', '.');
}
