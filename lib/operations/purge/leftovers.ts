import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { reasonOf } from '../../common/errors.ts';
import type { TreeOptions } from '../../common/options.ts';
import { type Swept, sweep } from '../../system/sweep.ts';
import { isTemporary } from '../../tree/temporary.ts';
import type { OperationOptions, Run } from '../shared/run.ts';

type SweepingRun = Run<OperationOptions & TreeOptions>;

/** How many paths one run remembers. The next run removes the rest. */
const MAX_PATHS = 10_000;

/**
 * Temporary files that killed runs left in the tree and in the store. They are collected while a run walks the tree,
 * and removed at its end.
 */
export class Leftovers {
  readonly #paths: string[] = [];

  found(path: string): void {
    if (this.#paths.length < MAX_PATHS) this.#paths.push(path);
  }

  /**
   * Removes files that are too old to belong to a running process, and counts them as `leftovers`. Errors are logged,
   * but do not fail the run.
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
      report.log('warn', `Cannot look for leftovers of killed runs in ${store.name}: ${reasonOf(error)}`);
    }
  }
}

/**
 * Finds temporary directories that a killed restore would have renamed to the prefix or a parent of it. Unreadable
 * directories count as empty.
 */
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
    report.log('debug', `${dryRun ? 'Would remove' : 'Removed'} ${path}, a leftover of a killed run`);
  if (failures.length === 0) return;
  const more = failures.length > 1 ? ` (and ${failures.length - 1} more)` : '';
  report.log('warn', `Cannot remove leftovers of killed runs in ${where}: ${reasonOf(failures[0])}${more}`);
}
