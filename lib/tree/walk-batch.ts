import { WhisperBackupError } from '../common/errors.ts';
import { type ErrorMaker, type FlatError, flatten, revive } from '../stream/flat-error.ts';
import type { FileStat } from './file-stat.ts';
import { type BlindSpot, type LocalFile, walkNow } from './local-tree.ts';

export interface WalkTask {
  readonly root: string;
  readonly stat: boolean;
  readonly skip: readonly string[];
}

/** A part of a walk, in a form that is cheap to send to another thread. */
export interface WalkBatch {
  readonly paths: string[];
  readonly metrics: string[];
  /** Four values for each file, NaN if stat(2) failed; empty without the option `stat`. */
  readonly stats: Float64Array<ArrayBuffer>;
  readonly blind: { readonly before: number; readonly spot: Omit<BlindSpot, 'error'>; readonly error: FlatError }[];
  readonly temporary: string[];
}

const BATCH_ITEMS = 200;

/** The first batch is small, so that its reader can start early. */
const FIRST_BATCH_ITEMS = 50;

const FIGURES_PER_FILE = 4;

export function* pack({ root, stat, skip }: WalkTask): Generator<WalkBatch, void, void> {
  let most = FIRST_BATCH_ITEMS;
  let batch = emptyBatch(most, stat);
  for (const item of walkNow(root, { stat, skip, onTemporary: (path) => batch.temporary.push(path) })) {
    if (item.kind === 'blind') {
      const { error, ...spot } = item;
      batch.blind.push({ before: batch.paths.length, spot, error: flatten(error) });
    } else {
      if (stat) setFigures(batch.stats, batch.paths.length, item.stat);
      batch.paths.push(item.path);
      batch.metrics.push(item.metric);
    }
    if (batch.paths.length + batch.blind.length < most) continue;
    yield batch;
    most = BATCH_ITEMS;
    batch = emptyBatch(most, stat);
  }
  yield batch;
}

export function transferOf(batch: WalkBatch): ArrayBuffer[] {
  return [batch.stats.buffer];
}

export function* unpack(
  batch: WalkBatch,
  { root, stat }: Pick<WalkTask, 'root' | 'stat'>,
): Generator<LocalFile | BlindSpot, void, void> {
  let blind = 0;
  for (let i = 0; i <= batch.paths.length; i++) {
    for (let next = batch.blind[blind]; next?.before === i; next = batch.blind[++blind])
      yield { ...next.spot, error: revive(next.error, makeError) };
    const path = batch.paths[i];
    const metric = batch.metrics[i];
    if (path === undefined || metric === undefined) return;
    const file = `${root}/${path}.wsp`;
    const order = `${metric}/`;
    if (stat) yield { kind: 'file', order, metric, path, file, stat: figuresOf(batch.stats, i) };
    else yield { kind: 'file', order, metric, path, file };
  }
}

function emptyBatch(most: number, stat: boolean): WalkBatch {
  return {
    paths: [],
    metrics: [],
    stats: new Float64Array(stat ? most * FIGURES_PER_FILE : 0),
    blind: [],
    temporary: [],
  };
}

function setFigures(stats: Float64Array, index: number, stat: FileStat | undefined): void {
  const at = index * FIGURES_PER_FILE;
  stats[at] = stat?.size ?? Number.NaN;
  stats[at + 1] = stat?.mtimeMs ?? Number.NaN;
  stats[at + 2] = stat?.ctimeMs ?? Number.NaN;
  stats[at + 3] = stat?.ino ?? Number.NaN;
}

function figuresOf(stats: Float64Array, index: number): FileStat | undefined {
  const at = index * FIGURES_PER_FILE;
  const figure = (i: number) => stats[at + i] ?? Number.NaN;
  const size = figure(0);
  return Number.isNaN(size) ? undefined : { size, mtimeMs: figure(1), ctimeMs: figure(2), ino: figure(3) };
}

const OWN_CODES: ReadonlySet<string> = new Set(['NAME_NOT_UTF8', 'DANGLING_LINK', 'LINK_LOOP', 'UNTRUSTED_LINK']);

const makeError: ErrorMaker = (code, message, options) =>
  OWN_CODES.has(code) ? new WhisperBackupError(code, message, options) : undefined;
