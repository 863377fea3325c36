import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import type { Summary } from '../../lib/common/summary.ts';
import type { BackupOptions } from '../../lib/operations/backup/backup.ts';
import type { RestoreOptions } from '../../lib/operations/restore/restore.ts';
import type { ObjectStore } from '../../lib/store/store.ts';
import { NOW, restorable } from '../fixtures/bucket.ts';
import { createDatedStore, type StoreKind } from '../fixtures/dated-store.ts';
import { metricFile, plantMetric } from '../fixtures/metric.ts';
import { backUp, machine, restoreTree } from '../fixtures/operations.ts';
import { createScratch, type Scratch } from '../fixtures/scratch.ts';
import { readTree } from '../fixtures/tree.ts';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** A host that is backed up night after night, and what could be brought back after each. */
export class Site implements AsyncDisposable {
  /** What time it is, in milliseconds. */
  time = NOW.getTime();
  /** How far the host's clock is ahead of that. */
  skew = 0;
  /** Who runs the backups. */
  machine = machine;
  readonly store: ObjectStore;
  readonly #scratch: Scratch;
  #restores = 0;
  #seed = 0;

  private constructor(kind: StoreKind, scratch: Scratch) {
    this.#scratch = scratch;
    this.store = createDatedStore(kind, scratch.at('bucket'), () => new Date(this.time));
  }

  static async create(kind: StoreKind): Promise<Site> {
    const scratch = await createScratch();
    await scratch.directory('tree');
    return new Site(kind, scratch);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]();
  }

  get prefix(): string {
    return this.#scratch.at('tree');
  }

  /** What the host takes for the time. */
  readonly now = (): Date => new Date(this.time + this.skew);

  /** Writes a file anew for each, unlike any before. @param known how many minutes of the last hour it tells of */
  async write(paths: Iterable<string>, known = 30): Promise<void> {
    for (const path of paths) await plantMetric(this.prefix, path, metricFile(++this.#seed, { known }));
  }

  async remove(paths: Iterable<string>): Promise<void> {
    for (const path of paths) await rm(`${this.prefix}/${path}.wsp`);
  }

  /** A directory beside the tree, to move things to. */
  aside(name: string): string {
    return this.#scratch.at(name);
  }

  /** Backs up. Time stands still meanwhile. */
  backUp(options: Partial<BackupOptions> = {}): Promise<Summary> {
    return backUp(this.store, this.prefix, { ...{ processes: 0, now: this.now, machine: this.machine }, ...options });
  }

  /** Backs up, and a day passes. @returns why something was stopped, or `went on` */
  async night(options: Partial<BackupOptions> = {}): Promise<string> {
    const { stopped, failed } = await this.backUp(options);
    assert.deepEqual(failed, []);
    this.time += DAY;
    return stopped?.code ?? 'went on';
  }

  /** How many backups would come back whole. */
  async backups(): Promise<number> {
    return (await restorable(this.store)).length;
  }

  /** Restores into an empty tree. @returns the files by name */
  async restored(options: Partial<RestoreOptions> = {}): Promise<Map<string, Uint8Array>> {
    const prefix = this.#scratch.at(`restored${++this.#restores}`);
    const { failed } = await restoreTree(this.store, prefix, { processes: 0, now: this.now, ...options });
    assert.deepEqual(failed, []);
    return readTree(prefix);
  }

  /** Restores into the tree. */
  async restoreHere(options: Partial<RestoreOptions> = {}): Promise<void> {
    const { failed } = await restoreTree(this.store, this.prefix, { processes: 0, now: this.now, ...options });
    assert.deepEqual(failed, []);
  }

  /** The tree as it is. */
  files(): Promise<Map<string, Uint8Array>> {
    return readTree(this.prefix);
  }
}

/** So many names. */
export function names(count: number, below = ''): string[] {
  return Array.from({ length: count }, (_, i) => `${below}m${String(i).padStart(3, '0')}`);
}

/** The files of a tree whose name begins so. */
export function below(files: ReadonlyMap<string, Uint8Array>, start: string): Map<string, Uint8Array> {
  return new Map([...files].filter(([name]) => name.startsWith(start)));
}
