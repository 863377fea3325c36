import { catalog, hasPairsElsewhere, PairsElsewhere } from '../../bucket/catalog.ts';
import type { CatalogEvents } from '../../bucket/groups.ts';
import type { StoredMetric } from '../../bucket/metric.ts';
import { excludedDirectories, mayReach, selector } from '../../common/glob.ts';
import { join } from '../../common/merge.ts';
import type { PlaceOptions, SelectOptions, TreeOptions } from '../../common/options.ts';
import { watchOrder } from '../../common/order.ts';
import type { ObjectStore } from '../../store/store.ts';
import { type Presence, presence, sharesPythonName } from '../../tree/presence.ts';
import { type BlindSpot, type LocalFile, walk } from '../../tree/walk.ts';

/** A metric in the local tree, in the bucket or in both. */
export interface Surveyed {
  readonly kind: 'metric';
  readonly metric: string;
  readonly path: string;
  readonly local?: LocalFile;
  readonly stored?: StoredMetric;
  /** Whether it is below a directory that cannot be listed. */
  readonly hidden: boolean;
}

export type SurveyOptions = SelectOptions & PlaceOptions & TreeOptions;

export interface SurveyEvents extends CatalogEvents {
  /** Called with each file of the local tree, selected or not. */
  readonly onLocal?: () => void;
  /** Call stat(2) for each local file. @default false */
  readonly stat?: boolean;
  /** Called with each leftover temporary file in the local tree. */
  readonly onTemporary?: (path: string) => void;
}

/**
 * Merges the local tree with the bucket, in key order and by the page; holds neither in memory. Yields only metrics
 * that the globs select, and blind spots that may contain such metrics.
 */
export async function* survey(
  store: ObjectStore,
  options: SurveyOptions,
  events: SurveyEvents,
): AsyncGenerator<readonly (Surveyed | BlindSpot)[]> {
  const isSelected = selector(options);
  const isReachable = mayReach(options);
  const watch = watchOrder((previous, order) => {
    // Names that are not UTF-8 may be equal after decoding. The walk reports each of them.
    if (previous !== order) events.onDisorder(previous, order);
  });
  const { stat = false, signal, onTemporary } = events;
  const locals = walk(options.prefix, {
    stat,
    skip: excludedDirectories(options),
    ...(onTemporary && { onTemporary }),
    ...(signal && { signal }),
  });
  let blind: string | undefined;
  const elsewhere = new PairsElsewhere(store, options, signal);
  for await (const steps of join(locals, catalog(store, options, events, elsewhere))) {
    const found: (Surveyed | BlindSpot)[] = [];
    for (const { left, right } of steps) {
      if (left) watch(left.order);
      if (left?.kind === 'blind') {
        if (left.metricPrefix !== '') blind = left.metricPrefix;
        if (isReachable(left.order)) found.push(left);
        if (!right) continue;
      }
      const local = left?.kind === 'file' ? left : undefined;
      if (local) events.onLocal?.();
      const metric = local?.metric ?? right?.metric ?? '';
      const path = local?.path ?? right?.path ?? '';
      if (!isSelected(metric)) continue;
      if (!local && right && right.order !== `${metric}/`) {
        // Pairs under the Python tool's key of an escaped name. If the local file exists, they were yielded with it.
        if ((await presence(`${options.prefix}/${path}.wsp`)) === 'present') continue;
      }
      const stored = right ?? (hasPairsElsewhere(path) ? await elsewhere.find(path) : undefined);
      const hidden = blind !== undefined && metric.startsWith(blind);
      found.push({ kind: 'metric', metric, path, hidden, ...(local && { local }), ...(stored && { stored }) });
    }
    yield found;
  }
}

/** Returns whether the local file of a metric exists; `missing` only if that is certain. */
export async function presenceOf(surveyed: Surveyed, prefix: string): Promise<Presence> {
  if (surveyed.local) return 'present';
  if (surveyed.hidden) return 'unknown';
  const found = await presence(`${prefix}/${surveyed.path}.wsp`);
  const hasPairs = surveyed.stored?.backups.some((backup) => backup.kind === 'pair') ?? false;
  if (found === 'missing' && hasPairs && (await sharesPythonName(prefix, surveyed.path))) return 'unknown';
  return found;
}
