import type { Report } from './report.ts';

export interface RunOptions {
  readonly report: Report;
  /** Stops the run: nothing new starts, and each write in progress is completed or discarded. */
  readonly signal?: AbortSignal;
  /** The clock. @default () => new Date() */
  readonly now?: () => Date;
  /** Called with each key of the tool's own objects in a listing, such as run records. */
  readonly onOwn?: (key: string) => void;
}

export interface SelectOptions {
  /** Glob over the dotted metric name, as Python's `fnmatch` reads it. @default '*' */
  readonly metrics?: string;
  /** Globs of metrics that no command reads or changes. @default [] */
  readonly exclude?: readonly string[];
}

/** The location of the backups in the bucket. */
export interface PlaceOptions {
  /** Path in the bucket, with or without a trailing slash. @default '' */
  readonly storagePath?: string;
  /** Prefix of each metric name, with no slash added: the layout of version 0.3.0 of the Python tool. */
  readonly storagePathRaw?: string;
}

export interface TreeOptions {
  /** Root of the tree, e.g. `/opt/graphite/storage/whisper`. */
  readonly prefix: string;
  /** Lock files with flock(2) while they are read or written. @default true */
  readonly flock?: boolean;
  /** Seconds to wait for the lock on one file. @default 10 */
  readonly fileLockTimeout?: number;
}

/** Which backups are deleted, and the guards against deleting too many. */
export interface PurgeRules {
  /** How many of a metric's newest backups are kept; at least 1. @default 5 */
  readonly retention?: number;
  /** Backups younger than this many days are kept as well. @default 0 */
  readonly keepWithin?: number;
  /** The newest backup before the end of each of this many days is kept as well; likewise below. @default 0 */
  readonly keepDaily?: number;
  /** Weeks end on Sunday. @default 0 */
  readonly keepWeekly?: number;
  /** @default 0 */
  readonly keepMonthly?: number;
  /** @default 0 */
  readonly keepYearly?: number;
  /** Other rules for some metrics: those of the first policy that matches. @default [] */
  readonly policies?: readonly Policy[];
  /** Days after a metric's tombstone until its backups are deleted; 0 is at once, -1 never. @default 45 */
  readonly purge?: number;
  /** Purge stops if it would remove more than 20 metrics and more than this percentage of all. @default 50 */
  readonly purgeShare?: number;
  /** Override the guards. @default false */
  readonly force?: boolean;
  /** Accept a bucket of another machine, host name or prefix. @default false */
  readonly adopt?: boolean;
  readonly machine: Machine;
}

/** The rules of the metrics that match; rules that it leaves out are the general ones. */
export interface Policy {
  /** Glob over the dotted name. */
  readonly match: string;
  readonly retention?: number | undefined;
  readonly keepWithin?: number | undefined;
  readonly keepDaily?: number | undefined;
  readonly keepWeekly?: number | undefined;
  readonly keepMonthly?: number | undefined;
  readonly keepYearly?: number | undefined;
}

/** This machine, for the bucket's owner marker. */
export interface Machine {
  /** The content of /etc/machine-id, or the host name if there is no such file. */
  readonly id: string;
  readonly host: string;
}
