import { catalog } from '../../bucket/catalog.ts';
import { withDefaults } from '../../common/defaults.ts';
import { globToRegExp } from '../../common/glob.ts';
import type { PlaceOptions, SelectOptions } from '../../common/options.ts';
import { each } from '../../common/pages.ts';
import type { ObjectStore } from '../../store/store.ts';
import { walk } from '../../tree/walk.ts';
import type { OperationOptions, Run } from './run.ts';

interface HintOptions extends PlaceOptions, SelectOptions {
  readonly signal?: AbortSignal;
}

/** Stops a run that has found no metric, with a hint at the reason if there is one. */
export async function stopIfNothingMatched(
  run: Run<OperationOptions & PlaceOptions & SelectOptions>,
  verb: string,
  what: string,
): Promise<void> {
  if (run.get('metrics') > 0) return;
  const { store, options } = run;
  const hint = await hintForBucket(store, options);
  run.stop('NOTHING_MATCHED', `Nothing to ${verb}: ${store.name} has no ${what}${selectionText(options)}${hint}`);
}

/** Returns ` that matches "a.*" and is not excluded by "a.b"`; nothing if all metrics are selected. */
export function selectionText({ metrics = '*', exclude = [] }: SelectOptions): string {
  const conditions = [
    ...(metrics === '*' ? [] : [`matches ${JSON.stringify(metrics)}`]),
    ...(exclude.length === 0 ? [] : [`is not excluded by ${exclude.map((glob) => JSON.stringify(glob)).join(', ')}`]),
  ];
  return conditions.length === 0 ? '' : ` that ${conditions.join(' and ')}`;
}

/**
 * Finds out why nothing in a bucket matched: another storage path, or another spelling of the name. Never throws,
 * because the main message matters more.
 *
 * @returns text to append to a message; empty if no reason is found.
 */
export async function hintForBucket(store: ObjectStore, options: HintOptions): Promise<string> {
  const { storagePath, storagePathRaw, metrics, signal } = withDefaults(options);
  const events = { onDisorder() {}, signal };
  try {
    const hint = await hintForNames(each(catalog(store, options, events), signal), metrics);
    const raw = storagePath.replace(/\/+$/, '');
    if (hint !== undefined || raw === '' || storagePathRaw !== undefined) return hint ?? '';
    for await (const { metric } of each(catalog(store, { storagePathRaw: raw }, events), signal)) {
      return `. There are backups without the slash, such as "${raw}${metric}": version 0.3.0 of the Python tool wrote them; use --storage-path-raw ${raw}`;
    }
    return '';
  } catch {
    return '';
  }
}

/** Like {@link hintForBucket}, for a local tree. */
export async function hintForTree(prefix: string, options: HintOptions): Promise<string> {
  const { metrics, signal } = withDefaults(options);
  try {
    return (await hintForNames(localNames(prefix, signal), metrics)) ?? '';
  } catch {
    return '';
  }
}

async function* localNames(prefix: string, signal: AbortSignal): AsyncGenerator<{ readonly metric: string }> {
  for await (const item of each(walk(prefix, { signal }), signal)) if ('metric' in item) yield item;
}

/** @returns undefined if there are no names. */
async function hintForNames(
  names: AsyncIterable<{ readonly metric: string }>,
  glob: string,
): Promise<string | undefined> {
  const isLiteral = !/[*?[]/.test(glob);
  const wanted = globToRegExp(glob);
  let isEmpty = true;
  for await (const { metric } of names) {
    isEmpty = false;
    if (isLiteral && metric.startsWith(`${glob}.`)) return `. There are metrics below it: use -m '${glob}.*'`;
    // The Python tool turned every slash into a dot and kept the dots inside names.
    const dotted = metric.replaceAll('%2E', '.');
    if (dotted !== metric && !wanted.test(metric) && wanted.test(dotted)) {
      return `. A dot inside a directory or file name is written %2E: use -m '${escapedDots(glob, metric)}'`;
    }
  }
  return isEmpty ? undefined : '';
}

/** Escapes the dots of the glob's literal start that are escaped in the metric; otherwise returns the metric. */
function escapedDots(glob: string, metric: string): string {
  const literal = /^[^*?[]*/.exec(glob)?.[0] ?? '';
  let escaped = '';
  for (const character of literal) {
    escaped += character === '.' && metric.startsWith(`${escaped}%2E`) ? '%2E' : character;
  }
  return metric.startsWith(escaped) ? escaped + glob.slice(literal.length) : metric;
}
