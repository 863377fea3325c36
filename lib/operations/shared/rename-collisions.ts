import { createHash } from 'node:crypto';
import { catalog, findMetric } from '../../bucket/catalog.ts';
import type { StoredMetric } from '../../bucket/metric.ts';
import { pathOf } from '../../bucket/metric-name.ts';
import type { Renaming } from '../../bucket/rename.ts';
import { WhisperBackupError } from '../../common/errors.ts';
import { selector } from '../../common/glob.ts';
import type { PlaceOptions, SelectOptions } from '../../common/options.ts';
import type { ObjectStore } from '../../store/store.ts';

interface CollisionOptions extends SelectOptions, PlaceOptions {
  /** Returns whether a selected metric would be restored. */
  readonly isRestored: (stored: StoredMetric) => boolean;
  /** Whether `--merge` may be used instead. @default true */
  readonly mayMerge?: boolean;
  readonly signal: AbortSignal;
}

/**
 * Finds two metrics that get the same new name. Lists the bucket once, unless there is nothing to rename, and remembers
 * a number for each metric that could have the name of another one.
 *
 * @returns an error that names both; undefined if all new names differ.
 * @throws StoreError
 */
export async function findCollision(
  store: ObjectStore,
  renaming: Renaming,
  options: CollisionOptions,
): Promise<WhisperBackupError | undefined> {
  if (renaming.isEmpty) return undefined;
  const { isRestored, signal } = options;
  const isSelected = selector(options);
  const seen = new Set<number>();
  for await (const page of catalog(store, options, { onDisorder() {}, signal })) {
    for (const stored of page) {
      const { metric } = stored;
      if (!isSelected(metric) || !isRestored(stored)) continue;
      const target = renaming.targetOf(metric);
      const others = renaming.sourcesOf(target).filter((source) => source !== metric && isSelected(source));
      if (others.length === 0) continue;
      const hash = hashOf(target);
      if (!seen.has(hash)) {
        seen.add(hash);
        continue;
      }
      // Two names may have one hash, so look the other one up.
      for (const other of others)
        if (await isThere(store, options, other)) return collision(metric, other, target, options);
    }
  }
  return undefined;
}

function hashOf(name: string): number {
  return createHash('sha1').update(name).digest().readUIntBE(0, 6);
}

async function isThere(store: ObjectStore, options: CollisionOptions, metric: string): Promise<boolean> {
  const path = pathOf(metric);
  const stored = path === undefined ? undefined : await findMetric(store, options, path, options.signal);
  return stored !== undefined && options.isRestored(stored);
}

function collision(
  one: string,
  other: string,
  target: string,
  { mayMerge = true }: CollisionOptions,
): WhisperBackupError {
  const [first, second] = [one, other].toSorted();
  const merge = mayMerge ? ', or use --merge to fill the gaps of one from the other' : '';
  return new WhisperBackupError(
    'RENAME_COLLISION',
    `Cannot rename: ${first} and ${second} would both become ${target}: select one of them with -m or --exclude${merge}`,
  );
}
