import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { reasonOf } from '../../common/errors.ts';
import type { RunOptions, TreeOptions } from '../../common/options.ts';
import type { Tally } from '../../common/summary.ts';
import type { ObjectStore } from '../../store/store.ts';
import { type Swept, sweep } from '../../system/sweep.ts';
import { isTemporary } from '../../tree/temporary.ts';

export interface LeftoverOptions extends Pick<RunOptions, 'report' | 'signal'>, Pick<TreeOptions, 'prefix'> {
  readonly dryRun: boolean;
}

/** Names that are held until the end of a run: those over it wait for the next. */
const HELD_AT_MOST = 10_000;

/**
 * What runs that were killed left behind: temporary files beside metrics, and whatever the store has of the kind.
 * Collected while a run walks the tree, and removed at its end.
 */
export class Leftovers {
  readonly #paths: string[] = [];

  /** The walk came by something with the name of a temporary file of ours. */
  found(path: string): void {
    if (this.#paths.length < HELD_AT_MOST) this.#paths.push(path);
  }

  /**
   * Removes what is old enough to be nobody's, and counts it as `leftovers`. It is only tidying: what cannot be removed
   * is told, and the run has not failed.
   */
  async sweep(store: ObjectStore, tally: Tally, options: LeftoverOptions): Promise<void> {
    const { dryRun, prefix, report, signal } = options;
    const rules = { dryRun, ...(signal && { signal }) };
    tell(await sweep([...this.#paths, ...(await abovePrefix(prefix))], rules), prefix, tally, options);
    try {
      const swept = await store.sweep?.(rules);
      if (swept) tell(swept, store.name, tally, options);
    } catch (error) {
      signal?.throwIfAborted();
      report.log('warn', `Cannot look for what killed runs left in ${store.name}: ${reasonOf(error)}`);
    }
  }
}

/** Directories that a restore was to make the prefix, or one above it, from. What cannot be listed has none. */
async function abovePrefix(prefix: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (let path = resolve(prefix); path !== dirname(path); path = dirname(path)) {
    const entries = await readdir(dirname(path), { withFileTypes: true }).catch(() => []);
    const left = entries.filter((entry) => entry.isDirectory() && isTemporary(entry.name));
    found.push(...left.map(({ name }) => join(dirname(path), name)));
  }
  return found;
}

function tell({ removed, failures }: Swept, where: string, tally: Tally, { dryRun, report }: LeftoverOptions): void {
  tally.add('leftovers', removed.length);
  for (const path of removed)
    report.log('debug', `${dryRun ? 'Would remove' : 'Removed'} ${path}: a run that was killed left it behind`);
  if (failures.length === 0) return;
  const more = failures.length > 1 ? ` (and ${failures.length - 1} more)` : '';
  report.log('warn', `Cannot remove what a killed run left behind below ${where}: ${reasonOf(failures[0])}${more}`);
}
