import type { Report } from './report.ts';

/** What every operation takes. */
export interface RunOptions {
  readonly report: Report;
  /** Stops the run: nothing new begins, what is under way ends whole or not at all. */
  readonly signal?: AbortSignal;
  /** What time it is. @default () => new Date() */
  readonly now?: () => Date;
  /** Told the keys of the tool's own objects that a listing came by, such as the records of runs. */
  readonly onOwn?: (key: string) => void;
}

/** Which metrics an operation is about. */
export interface SelectOptions {
  /** Glob over the dotted metric name, as Python's `fnmatch` reads it. @default '*' */
  readonly metrics?: string;
  /** Globs of metrics left alone by every command. @default [] */
  readonly exclude?: readonly string[];
}

/** Where in the bucket the backups are. */
export interface PlaceOptions {
  /** Path in the bucket, with or without the slash at its end. @default '' */
  readonly storagePath?: string;
  /** Put in front of each metric as it stands, without a slash: how version 0.3.0 of the Python tool did it. */
  readonly storagePathRaw?: string;
}

/** The local Whisper tree. */
export interface TreeOptions {
  /** Root of the tree, e.g. `/opt/graphite/storage/whisper`. */
  readonly prefix: string;
  /** Lock files with flock(2) while they are read or written. @default true */
  readonly flock?: boolean;
  /** How long to wait for the lock on one file, in seconds. @default 10 */
  readonly fileLockTimeout?: number;
}

/** What deletes backups, and what keeps it from doing so. */
export interface PurgeRules {
  /** Newest backups of a metric that are kept; at least 1. @default 5 */
  readonly retention?: number;
  /** Backups younger than this many days are kept as well. @default 0 */
  readonly keepWithin?: number;
  /** Days between a metric's tombstone and the end of its backups; 0 at once, -1 never. @default 45 */
  readonly purge?: number;
  /** Purge stops when a larger share of the store's metrics than this, in per cent, would go (and more than 20). @default 50 */
  readonly purgeShare?: number;
  /** Override the guards. @default false */
  readonly force?: boolean;
  /** Accept a bucket of another machine, host name or prefix. @default false */
  readonly adopt?: boolean;
  /** This machine, for the bucket's owner marker. */
  readonly machine: Machine;
}

/** Whose bucket it is. */
export interface Machine {
  /** The content of /etc/machine-id, or the host name where there is none. */
  readonly id: string;
  readonly host: string;
}
