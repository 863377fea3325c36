import { type Dirent, lstatSync, readdirSync, statSync } from 'node:fs';
import { metricOf } from '../bucket/layout.ts';
import { codeOf, WhisperBackupError } from '../common/errors.ts';
import type { Ordered } from '../common/merge.ts';
import { compareKeys } from '../common/order.ts';
import { danglingLink } from '../system/link-rule.ts';
import { Ancestors, lookAtLink } from './directory-link.ts';
import type { FileStat } from './file-stat.ts';
import { isLostAndFound } from './lost-and-found.ts';
import { isTemporary } from './temporary.ts';

/** A `.wsp` file of the local tree, or something that calls itself one. */
export interface LocalFile extends Ordered {
  readonly kind: 'file';
  readonly metric: string;
  /** Below the prefix, without `.wsp`. */
  readonly path: string;
  /** Where it is. */
  readonly file: string;
  /** When it was asked for: undefined where stat(2) failed, as of a dangling link or a file that has vanished since. */
  readonly stat?: FileStat | undefined;
}

/** A part of the tree that cannot be told: nothing below it may be called missing. */
export interface BlindSpot extends Ordered {
  readonly kind: 'blind';
  /** What every metric below it begins with; empty when its name has no UTF-8 form, and so no metric could be stored. */
  readonly metricPrefix: string;
  readonly file: string;
  readonly error: Error;
}

/** What is not UTF-8 comes with this in its place. */
const REPLACEMENT = '\ufffd';

const SUFFIX = '.wsp';

/**
 * The walk itself, in synchronous calls, which take a fraction of the time of others: for a thread of its own, or a
 * tree that is known to be small. What it tells, and in which order: see `walk`.
 *
 * @param root without a slash at its end, unless it is `/`.
 */
export function* walkNow(root: string, options: WalkNowOptions): Generator<LocalFile | BlindSpot> {
  const entries = readdirSync(root, { withFileTypes: true });
  yield* walkDirectory(new Ancestors(root), '', entries, { ...options, skipped: new Set(options.skip) });
}

export interface WalkNowOptions {
  /** Look at each file too. */
  readonly stat: boolean;
  /** Directories that are not read, by what every metric below them begins with: `servers.old.`. */
  readonly skip?: readonly string[];
  /** Told of what has the name of a temporary file or directory of ours. */
  readonly onTemporary?: (path: string) => void;
}

type WalkingOptions = WalkNowOptions & { readonly skipped: ReadonlySet<string> };

function* walkDirectory(
  ancestors: Ancestors,
  below: string,
  entries: Dirent[],
  options: WalkingOptions,
): Generator<LocalFile | BlindSpot> {
  const directory = ancestors.path;
  if (options.onTemporary) {
    for (const entry of entries)
      if (isTemporary(entry.name) && (entry.isFile() || entry.isDirectory()))
        options.onTemporary(`${directory}/${entry.name}`);
  }
  const sorted = orderedEntries(entries, below, ancestors);
  for (const [i, { order, name, isDirectory, isLink, error }] of sorted.entries()) {
    const file = `${directory}/${name}`;
    const isRepeated = order === sorted[i - 1]?.order;
    // A network file system may tell a name twice.
    if (isRepeated && !name.includes(REPLACEMENT)) continue;
    if (name.includes(REPLACEMENT) && (isRepeated || !exists(file))) {
      // Decoding put the replacement character there: the name on disk is other bytes, and no key can hold it. Several
      // names may look the same then, and at most one of them is what it looks like.
      yield { kind: 'blind', order, metricPrefix: '', file, error: notUtf8(file) };
    } else if (isDirectory) {
      if (options.skipped.has(order)) continue;
      try {
        if (error) throw error;
        const inner = readdirSync(file, { withFileTypes: true });
        yield* walkDirectory(new Ancestors(file, ancestors), `${below}${name}/`, inner, options);
      } catch (error) {
        if (codeOf(error) === 'ENOENT' && !isLink) continue;
        if (!(error instanceof Error) || !('syscall' in error || error instanceof WhisperBackupError)) throw error;
        const cause = codeOf(error) === 'ENOENT' ? danglingLink(file, { cause: error }) : error;
        yield { kind: 'blind', order, metricPrefix: order, file, error: cause };
      }
    } else {
      const path = `${below}${name.slice(0, -SUFFIX.length)}`;
      const found: LocalFile = { kind: 'file', order, metric: order.slice(0, -1), path, file };
      yield options.stat ? { ...found, stat: statOf(file) } : found;
    }
  }
}

interface OrderedEntry {
  readonly order: string;
  readonly name: string;
  /** A directory or a link to one, or a link that may have led to one. */
  readonly isDirectory: boolean;
  readonly isLink?: boolean;
  /** Why nothing below it can be known. */
  readonly error?: Error;
}

/** Those entries of a directory that are the walk's business. */
function orderedEntries(entries: Dirent[], below: string, ancestors: Ancestors): OrderedEntry[] {
  const prefix = below === '' ? '' : `${metricOf(below.slice(0, -1))}.`;
  const found: OrderedEntry[] = [];
  for (const entry of entries) {
    const { name } = entry;
    const isWhisper = name.endsWith(SUFFIX);
    const directory = () => ({ order: `${prefix}${metricOf(name)}.`, name, isDirectory: true });
    if (entry.isDirectory()) {
      if (!isLostAndFound(ancestors.path, name)) found.push(directory());
      continue;
    }
    if (entry.isSymbolicLink()) {
      const link = lookAtLink(ancestors, name);
      // What ends in `.wsp` is taken for a file's, and its backup reports what is wrong with it.
      const isUnknown = link.kind === 'unknown' && !isWhisper;
      // A name that is not UTF-8 is not found by the one that came of it.
      const isOtherName = link.kind === 'vanished' && !isWhisper && name.includes(REPLACEMENT);
      if (link.kind === 'directory' || link.kind === 'refused' || isUnknown || isOtherName) {
        found.push({ ...directory(), isLink: true, ...('error' in link && { error: link.error }) });
        continue;
      }
    }
    if (isWhisper)
      found.push({ order: `${prefix}${metricOf(name.slice(0, -SUFFIX.length))}/`, name, isDirectory: false });
  }
  return found.sort((a, b) => compareKeys(a.order, b.order));
}

function statOf(file: string): FileStat | undefined {
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    return found && { size: found.size, mtimeMs: found.mtimeMs, ctimeMs: found.ctimeMs, ino: found.ino };
  } catch {
    return undefined;
  }
}

function exists(file: string): boolean {
  try {
    return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

function notUtf8(file: string): Error {
  return new WhisperBackupError('NAME_NOT_UTF8', `Cannot back up ${file}: its name is not UTF-8: rename it`);
}
