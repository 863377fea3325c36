import { backupsBefore, type StoredMetric } from '../../../lib/bucket/metric.ts';
import { Renaming } from '../../../lib/bucket/rename.ts';
import { reasonOf } from '../../../lib/common/errors.ts';
import { jsonLine, printable } from '../../../lib/common/printable.ts';
import { hintForBucket } from '../../../lib/operations/shared/nothing-hint.ts';
import { findCollision } from '../../../lib/operations/shared/rename-collisions.ts';
import { type ListedBackup, list } from '../../../lib/operations/views/list.ts';
import type { ObjectStore } from '../../../lib/store/store.ts';
import { exitCodes } from '../run/exit-code.ts';
import type { Invocation } from '../run/invocation.ts';
import { dateOf, placeOf, selectOf } from '../run/operation-options.ts';
import { renamesOf } from '../run/renames.ts';
import { reportTo } from '../run/run.ts';
import { withStore } from '../run/store.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { config, interruption, log, output } = invocation;
  const since = dateOf(invocation, 'since');
  const date = dateOf(invocation, 'date');
  const { signal } = interruption;
  const { rename, merge } = await renamesOf(invocation);
  const found = await withStore(invocation, async (store) => {
    const backups = list(store, {
      report: reportTo(log),
      signal,
      ...selectOf(config),
      ...placeOf(config),
      ...(since && { since }),
      ...(date && { date }),
      journal: !config.noJournal,
      rename,
    });
    let count = 0;
    for await (const backup of backups) {
      signal.throwIfAborted();
      await output.write(config.json ? jsonLine(backup) : lineOf(backup));
      count++;
      if (output.closed) break;
    }
    if (count === 0) log.error(await nothingListed(store, invocation));
    const isRestored = (stored: StoredMetric) => backupsBefore(stored, date).length > 0;
    const selected = { ...selectOf(config), ...placeOf(config), isRestored, signal };
    const collision = merge ? undefined : await findCollision(store, new Renaming(rename), selected);
    if (collision) log.warn(`A restore would stop: ${reasonOf(collision)}`);
    return count;
  });
  return found > 0 ? exitCodes.done : exitCodes.error;
}

/** Names the options that selected nothing. */
async function nothingListed(store: ObjectStore, { config, interruption, option }: Invocation): Promise<string> {
  const options = [
    ...(config.metrics === '*' ? [] : [`-m ${JSON.stringify(config.metrics)}`]),
    ...config.exclude.map((glob) => `--exclude ${JSON.stringify(glob)}`),
    ...['since', 'date'].flatMap((name) => (option(name) === undefined ? [] : [`--${name} ${option(name)}`])),
    ...(config.storagePath === '' ? [] : [`--storage-path ${config.storagePath}`]),
    ...(config.storagePathRaw === undefined ? [] : [`--storage-path-raw ${config.storagePathRaw}`]),
  ];
  const what = options.length === 0 ? 'has no backups' : `has no backup that matches ${options.join(' and ')}`;
  const hint = await hintForBucket(store, { ...selectOf(config), ...placeOf(config), signal: interruption.signal });
  return `Nothing to list: ${store.name} ${what}${hint}`;
}

/** The name comes last because its length varies. The size is in bytes for `sort -n`. */
function lineOf({ metric, target, date, size, algorithm, kind, gone, journal }: ListedBackup): string {
  const how = (kind === 'pair' ? `${algorithm} pair` : algorithm).padEnd(8);
  const since = gone === undefined ? '' : `  (gone since ${gone})`;
  const to = target === undefined ? '' : ` -> ${printable(target)}`;
  const until = journal === undefined ? '' : `  (journal until ${journal})`;
  return `${date}  ${String(size).padStart(12)}  ${how}  ${printable(metric)}${to}${until}${since}\n`;
}
