import { type Dirent, lstatSync, readdirSync, statSync } from 'node:fs';
import { metricOf } from '../bucket/metric-name.ts';
import { codeOf, WhisperBackupError } from '../common/errors.ts';
import type { Ordered } from '../common/merge.ts';
import { compareKeys } from '../common/order.ts';
import { danglingLink } from '../system/link-rule.ts';
import { Ancestors, inspectLink } from './directory-link.ts';
import type { FileStat } from './file-stat.ts';
import { isLostAndFound } from './lost-and-found.ts';
import { isTemporary } from './temporary.ts';

/** A `.wsp` file of the local tree, or something else with such a name. */
export interface LocalFile extends Ordered {
  readonly kind: 'file';
  readonly metric: string;
  /** Below the prefix, without `.wsp`. */
  readonly path: string;
  readonly file: string;
  /** Only with the option `stat`; undefined if stat(2) failed, e.g. for a dangling link or a removed file. */
  readonly stat?: FileStat | undefined;
}

/** A part of the tree that cannot be read: metrics below it must not count as missing. */
export interface BlindSpot extends Ordered {
  readonly kind: 'blind';
  /** The common prefix of all metrics below it; empty if its name is not UTF-8. */
  readonly metricPrefix: string;
  readonly file: string;
  readonly error: Error;
}

/** Node puts this character in the place of bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd';

const SUFFIX = '.wsp';

/**
 * Walks a tree with synchronous calls, which take a fraction of the time of asynchronous ones. For a separate thread or
 * a small tree. See `walk` for the results and their order.
 *
 * @param root without a trailing slash, unless it is `/`.
 */
export function* walkNow(root: string, options: WalkNowOptions): Generator<LocalFile | BlindSpot> {
  const entries = readdirSync(root, { withFileTypes: true });
  yield* walkDirectory(new Ancestors(root), '', entries, { ...options, skipped: new Set(options.skip) });
}

interface WalkNowOptions {
  readonly stat: boolean;
  /** Directories to skip, as the common prefix of all metrics below each: `servers.old.`. */
  readonly skip?: readonly string[];
  /** Called with each leftover temporary file or directory of ours. */
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
    // A network file system may list a name twice.
    if (isRepeated && !name.includes(REPLACEMENT)) continue;
    if (name.includes(REPLACEMENT) && (isRepeated || !exists(file))) {
      // The name on disk is not UTF-8, so no key can contain it. Several such names may be equal after decoding, and
      // one of them may really contain the replacement character.
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
  /** A directory, a link to one, or a link that may lead to one. */
  readonly isDirectory: boolean;
  readonly isLink?: boolean;
  readonly error?: Error;
}

/** Returns the directories and Whisper files in a directory, in the order of the walk. */
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
      const link = inspectLink(ancestors, name);
      // A link with the suffix `.wsp` counts as a file; its backup reports the error.
      const isUnknown = link.kind === 'unknown' && !isWhisper;
      // A file whose name is not UTF-8 is not found under its decoded name.
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
  return new WhisperBackupError('NAME_NOT_UTF8', `Cannot back up ${file}: its name is not UTF-8. Rename it.`);
}
