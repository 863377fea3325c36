import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { reasonOf } from '../../common/errors.ts';
import type { TreeOptions } from '../../common/options.ts';
import { type Swept, sweep } from '../../system/sweep.ts';
import { isTemporary } from '../../tree/temporary.ts';
import type { OperationOptions, Run } from '../shared/run.ts';

type SweepingRun = Run<OperationOptions & TreeOptions>;

/** How many names are held until the end of a run. The rest waits for the next run. */
const HELD_AT_MOST = 10_000;

/**
 * What killed runs left: temporary files beside metrics and in the store. Collected while a run walks the tree, and
 * removed at its end.
 */
export class Leftovers {
  readonly #paths: string[] = [];

  /** Records a leftover temporary file. */
  found(path: string): void {
    if (this.#paths.length < HELD_AT_MOST) this.#paths.push(path);
  }

  /**
   * Removes what is too old to belong to a running process, and counts it as `leftovers`. What cannot be removed is
   * logged, but does not fail the run.
   */
  async sweep(run: SweepingRun): Promise<void> {
    const { store, options } = run;
    const { dryRun, prefix, report, signal } = options;
    const rules = { dryRun, signal };
    count(await sweep([...this.#paths, ...(await abovePrefix(prefix))], rules), prefix, run);
    try {
      const swept = await store.sweep?.(rules);
      if (swept) count(swept, store.name, run);
    } catch (error) {
      signal.throwIfAborted();
      report.log('warn', `Cannot look for what killed runs left in ${store.name}: ${reasonOf(error)}`);
    }
  }
}

/** Temporary directories that a restore would have renamed to the prefix or one above it. Unreadable directories count as empty. */
async function abovePrefix(prefix: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (let path = resolve(prefix); path !== dirname(path); path = dirname(path)) {
    const entries = await readdir(dirname(path), { withFileTypes: true }).catch(() => []);
    const left = entries.filter((entry) => entry.isDirectory() && isTemporary(entry.name));
    found.push(...left.map(({ name }) => join(dirname(path), name)));
  }
  return found;
}

function count({ removed, failures }: Swept, where: string, run: SweepingRun): void {
  const { dryRun, report } = run.options;
  run.add('leftovers', removed.length);
  for (const path of removed)
    report.log('debug', `${dryRun ? 'Would remove' : 'Removed'} ${path}: a run that was killed left it behind`);
  if (failures.length === 0) return;
  const more = failures.length > 1 ? ` (and ${failures.length - 1} more)` : '';
  report.log('warn', `Cannot remove what a killed run left behind below ${where}: ${reasonOf(failures[0])}${more}`);
}
