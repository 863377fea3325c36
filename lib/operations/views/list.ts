import { catalog } from '../../bucket/catalog.ts';
import { type Backup, backupsBefore, hasJournal, type StoredMetric } from '../../bucket/metric.ts';
import { type RenameRule, Renaming } from '../../bucket/rename.ts';
import { withDefaults } from '../../common/defaults.ts';
import { selector } from '../../common/glob.ts';
import type { PlaceOptions, RunOptions, SelectOptions } from '../../common/options.ts';
import { each } from '../../common/pages.ts';
import { formatTimestamp } from '../../common/timestamp.ts';
import type { Algorithm } from '../../compress/codec.ts';
import type { ObjectStore } from '../../store/store.ts';
import { JournalReach } from './journal-reach.ts';

export interface ListOptions extends RunOptions, SelectOptions, PlaceOptions {
  /** Only backups at this time or later. */
  readonly since?: Date;
  /** Only backups strictly before this time. */
  readonly date?: Date;
  /** Look up how far the journal reaches. @default true */
  readonly journal?: boolean;
  /** Show the names under which a restore with the same rules would write the metrics. @default [] */
  readonly rename?: readonly RenameRule[];
}

export interface ListedBackup {
  readonly metric: string;
  /** The name under which it would be restored, if that is another. */
  readonly target?: string;
  /** `2026-11-22T03:14:15+00:00` */
  readonly date: string;
  /** Compressed size in bytes. */
  readonly size: number;
  readonly algorithm: Algorithm;
  /** `pair`: two objects, as the Python tool writes them. `replaced`: what a restore replaced, if `date` asks for it. */
  readonly kind: Backup['kind'];
  /** SHA-1 of the uncompressed file; absent for pairs. */
  readonly sha1?: string;
  readonly key: string;
  /** When the metric was first missing from the local tree; absent if it is not missing. */
  readonly gone?: string;
  /**
   * On the newest backup of a metric: until when the journal has what was written to it since. The time of the newest run
   * that may have points of it, or of `date`; absent if there is none.
   */
  readonly journal?: string;
}

/**
 * Yields the backups of a bucket in the order of their metrics, the oldest of each metric first.
 *
 * @throws StoreError
 */
export async function* list(store: ObjectStore, options: ListOptions): AsyncGenerator<ListedBackup> {
  const { report, signal, since, date, journal = true, rename = [] } = withDefaults(options);
  const renaming = new Renaming(rename);
  await store.open({ create: false, signal });
  const isSelected = selector(options);
  let foreign = 0;
  const events = {
    onForeign: () => foreign++,
    onDisorder: (previous: string, key: string) =>
      report.log('warn', `The listing of ${store.name} was not in order: ${key} after ${previous}`),
    signal,
  };
  const reach = journal
    ? await JournalReach.open(store, options, {
        signal,
        onDamaged: ({ key, reason }) => report.log('warn', `${key} was left out: ${reason}`),
      })
    : undefined;
  for await (const stored of each(catalog(store, options, events), signal)) {
    if (!isSelected(stored.metric)) continue;
    for (const { key } of stored.loneSha1s) report.log('warn', `${key} is a checksum without data: damage`);
    const backups = backupsBefore(stored, date);
    const target = renaming.targetOf(stored.metric);
    for (const backup of backups) {
      signal.throwIfAborted();
      if (since && backup.time < since) continue;
      const reached =
        backup === backups.at(-1) && hasJournal(backup) ? await reach?.find(stored.order, backup.time) : undefined;
      yield {
        ...listed(stored, backup),
        ...(target !== stored.metric && { target }),
        ...(reached && { journal: formatTimestamp(reached) }),
      };
    }
  }
  if (foreign > 0) report.log('info', `Ignored ${foreign} foreign keys in ${store.name}`);
}

export function listed(stored: StoredMetric, backup: Backup): ListedBackup {
  const newest = stored.backups.at(-1)?.time.getTime() ?? 0;
  const gone = stored.tombstones.find((tombstone) => tombstone.time.getTime() > newest);
  return {
    metric: stored.metric,
    date: formatTimestamp(backup.time),
    size: backup.object.size,
    algorithm: backup.algorithm,
    kind: backup.kind,
    ...(backup.sha1 !== undefined && { sha1: backup.sha1 }),
    key: backup.object.key,
    ...(gone && { gone: formatTimestamp(gone.time) }),
  };
}
