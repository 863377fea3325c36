import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ObjectStore } from '../../lib/store/store.ts';
import { createDatedStore, type StoreKind } from '../fixtures/dated-store.ts';
import type { Content } from './content.ts';
import { Expected } from './expected.ts';

/** In memory if possible, because each restore syncs its files. */
const SCRATCH = statSync('/dev/shm', { throwIfNoEntry: false })?.isDirectory() ? '/dev/shm' : tmpdir();

const OWNER = '.whisper-backup/owner.json';

/** The real product: a tree and a bucket, with the model of both. */
export class World implements Disposable {
  readonly expected = new Expected();
  readonly directory = mkdtempSync(join(SCRATCH, 'whisper-backup-model-'));
  readonly prefix = join(this.directory, 'tree');
  readonly cacheFile = join(this.directory, 'cache', 'statcache');
  readonly store: ObjectStore;
  #trees = 0;
  /** Every file gets a distinct modification time: real ones would be equal, because everything takes milliseconds. */
  #modified = 1_700_000_000;

  constructor(kind: StoreKind) {
    mkdirSync(this.prefix);
    // A directory has no checksums in its listing; unreadable checksums are not tested here.
    this.expected.takesPairs = kind === 'memory';
    const now = () => new Date(this.expected.storeTime);
    this.store = createDatedStore(kind, join(this.directory, 'bucket'), now);
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** What time it is at the host. */
  readonly now = (): Date => new Date(this.expected.now);

  file(path: string): string {
    return join(this.prefix, `${path}.wsp`);
  }

  plant(path: string, content: Content): void {
    const file = this.file(path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content.bytes);
    utimesSync(file, ++this.#modified, this.#modified);
    this.expected.locals.set(path, content);
  }

  remove(path: string): void {
    rmSync(this.file(path));
    this.expected.locals.delete(path);
  }

  /** Where a restore can make a tree of its own. */
  newTree(): string {
    return join(this.directory, `restored${++this.#trees}`);
  }

  /** The sizes of all objects by key, the bucket's own files aside. */
  async objects(): Promise<Map<string, number>> {
    const sizes = new Map<string, number>();
    for await (const { key, size } of this.store.list()) if (!key.startsWith('.whisper-backup/')) sizes.set(key, size);
    return sizes;
  }

  /** The machine that the bucket says it belongs to. */
  async owner(): Promise<string | undefined> {
    for await (const { key } of this.store.list({ prefix: OWNER }))
      return JSON.parse(new TextDecoder().decode(await this.store.get(key, { maxBytes: 1e4 }))).machineId;
    return undefined;
  }

  /** The local files are as the model says. */
  checkTree(): void {
    for (const [path, { bytes }] of this.expected.locals)
      assert.ok(readFileSync(this.file(path)).equals(bytes), `${path} has changed`);
  }
}
