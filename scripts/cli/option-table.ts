import type { Key } from '../../config/schema.ts';

export type CommandName =
  | 'backup'
  | 'journal'
  | 'restore'
  | 'purge'
  | 'prune'
  | 'list'
  | 'fill'
  | 'show'
  | 'hold'
  | 'verify'
  | 'drill'
  | 'schema'
  | 'status'
  | 'doctor'
  | 'config';

/** One option of the command line. */
export interface OptionSpec {
  /** Long name, without dashes. */
  readonly name: string;
  readonly letter?: string;
  /** Placeholder of the value in the help. An option without it is a flag. */
  readonly value?: string;
  /** Whether the value is optional (default `true`). It must then be given as `--name=value`. @default false */
  readonly isOptional?: boolean;
  readonly text: string;
  /** The configuration key that it sets. Options without one apply to this run only. */
  readonly key?: Key;
  /** The commands that accept it. @default all, as in the Python tool */
  readonly commands?: readonly CommandName[];
  /** The commands that use it and list it in their help. @default those that accept it */
  readonly about?: readonly CommandName[];
}

const tree: readonly CommandName[] = ['backup', 'restore', 'purge'];
const remote: readonly CommandName[] = [
  ...tree,
  'prune',
  'journal',
  'list',
  'show',
  'hold',
  'verify',
  'drill',
  'status',
  'doctor',
];
const files: readonly CommandName[] = ['backup', 'journal', 'restore', 'fill', 'show', 'verify', 'drill'];
const changing: readonly CommandName[] = [...tree, 'prune', 'journal', 'fill', 'hold', 'verify', 'drill'];
/** Commands that accept every option of a scheduled run. */
const whole: readonly CommandName[] = ['doctor', 'config'];
const writing: readonly CommandName[] = ['backup', 'purge', 'prune', ...whole];
/** Commands that apply retention. */
const retaining: readonly CommandName[] = ['backup', 'prune', ...whole];
const restoring: readonly CommandName[] = ['restore', ...whole];
const selecting: readonly CommandName[] = [...tree, 'prune', 'journal', 'list', 'schema', 'verify', 'drill'];
const locking: readonly CommandName[] = [...tree, 'journal', 'verify'];
const verifying: readonly CommandName[] = ['verify'];
const drilling: readonly CommandName[] = ['drill'];
const recorded: readonly CommandName[] = [...tree, 'journal', 'status', ...whole];
const reporting: readonly CommandName[] = [...tree, 'journal', 'verify', ...whole];
const backing: readonly CommandName[] = ['backup', ...whole];
/** Commands that store data. */
const storing: readonly CommandName[] = ['backup', 'journal', ...whole];

/** All options, in the order of the help. Names, letters, meanings and defaults of the Python tool are kept. */
export const optionTable: readonly OptionSpec[] = [
  {
    name: 'prefix',
    letter: 'p',
    value: 'dir',
    key: 'prefix',
    about: [...locking, 'schema', 'drill'],
    text: 'Root of the Whisper tree',
  },
  {
    name: 'metrics',
    letter: 'm',
    value: 'glob',
    key: 'metrics',
    about: [...selecting, 'hold'],
    text: 'Only metrics whose dotted name matches',
  },
  {
    name: 'exclude',
    value: 'glob',
    key: 'exclude',
    about: selecting,
    text: 'Skip these metrics, or all below a directory; repeatable',
  },
  {
    name: 'bucket',
    letter: 'b',
    value: 'name',
    key: 'bucket',
    about: remote,
    text: 'Bucket, container, or directory of the disk store',
  },
  {
    name: 'storage-path',
    value: 'path',
    key: 'storagePath',
    about: remote,
    text: 'Path in the bucket before each metric name',
  },
  {
    name: 'storage-path-raw',
    value: 'text',
    key: 'storagePathRaw',
    about: remote,
    text: 'Like --storage-path without the slash, as version 0.3.0 of the Python tool wrote it',
  },
  {
    name: 'processes',
    letter: 'f',
    value: 'n',
    key: 'processes',
    about: ['backup', 'journal', 'restore', 'verify', 'drill'],
    text: 'Maximum worker threads; never more than processors',
  },
  {
    name: 'bytes-in-flight',
    value: 'bytes',
    key: 'bytesInFlight',
    about: ['backup', 'journal', 'restore', 'verify', 'drill', ...whole],
    text: 'Maximum bytes of files in memory at once',
  },
  {
    name: 'bandwidth',
    value: 'bytes',
    key: 'bandwidth',
    about: [...tree, 'journal', 'verify', 'drill', ...whole],
    text: 'Maximum bytes per second to and from the storage, such as 20M; 0 means no limit',
  },
  {
    name: 'retry-for',
    value: 'time',
    key: 'retryFor',
    about: remote,
    text: 'How long to retry each object while the storage fails, such as 90s or 5m; the opening and listings three times as long (5m)',
  },
  { name: 'no-flock', key: 'noFlock', about: files, text: 'Do not lock files, for file systems without locks' },
  {
    name: 'file-lock-timeout',
    value: 's',
    key: 'fileLockTimeout',
    about: files,
    text: 'Seconds to wait for the lock of one file',
  },

  {
    name: 'retention',
    letter: 'r',
    value: 'n',
    key: 'retention',
    about: ['backup', 'prune'],
    text: 'Newest backups to keep of each metric',
  },
  {
    name: 'keep-within',
    value: 'days',
    key: 'keepWithin',
    commands: writing,
    text: 'Also keep all backups younger than this',
  },
  {
    name: 'keep-daily',
    value: 'n',
    key: 'keepDaily',
    commands: retaining,
    text: 'Also keep the newest backup at the end of each of the last n days, today included',
  },
  {
    name: 'keep-weekly',
    value: 'n',
    key: 'keepWeekly',
    commands: retaining,
    text: 'The same for weeks, which end on Sunday',
  },
  { name: 'keep-monthly', value: 'n', key: 'keepMonthly', commands: retaining, text: 'The same for months' },
  { name: 'keep-yearly', value: 'n', key: 'keepYearly', commands: retaining, text: 'The same for years' },
  {
    name: 'purge',
    letter: 'x',
    value: 'days',
    key: 'purge',
    about: ['backup', 'purge', 'prune'],
    text: 'Delete backups this many days after their metric was first missed; 0 at once, -1 never',
  },
  {
    name: 'purge-share',
    value: 'percent',
    key: 'purgeShare',
    commands: writing,
    text: 'Stop the purge if it would delete more than this share of the metrics',
  },
  {
    name: 'journal-keep',
    value: 'days',
    key: 'journalKeep',
    commands: ['journal', 'prune', ...whole],
    text: 'Delete journal runs older than this, if a later full backup has succeeded',
  },
  {
    name: 'deletes',
    value: 'name',
    key: 'deletes',
    about: [...tree, 'journal', 'verify', ...whole],
    text: 'allowed, or never: delete nothing in the bucket, for credentials that may not',
  },
  { name: 'force', commands: ['backup', 'purge', 'prune'], text: 'Override the guards that stop a purge' },
  { name: 'rehash', commands: ['backup'], text: 'Read every file, even if the stat cache says it is unchanged' },
  {
    name: 'cache-dir',
    value: 'dir',
    key: 'cacheDir',
    about: storing,
    text: 'Directory of the stat cache',
  },
  {
    name: 'no-cache',
    key: 'noCache',
    about: storing,
    text: 'Use neither the stat cache nor the marks of the journal: read every file on each run',
  },
  {
    name: 'adopt',
    commands: ['backup', 'journal', 'purge', 'verify'],
    text: 'Accept a bucket that belongs to another machine, host name or prefix',
  },
  {
    name: 'create',
    commands: ['backup'],
    text: 'Start a new backup if the bucket is missing or has lost its owner marker, on a host that has backed up before',
  },
  {
    name: 'algorithm',
    letter: 'a',
    value: 'name',
    key: 'algorithm',
    about: ['backup', 'journal'],
    text: 'Compression: gz or zst',
  },
  {
    name: 'gzip-engine',
    value: 'name',
    key: 'gzipEngine',
    commands: storing,
    text: 'auto, fflate, zlib, libdeflate or isal',
  },
  {
    name: 'gzip-level',
    value: 'n',
    key: 'gzipLevel',
    commands: storing,
    text: "Level, on the engine's own scale, or 'fastest': slightly larger backups in much less time",
  },
  {
    name: 'layout',
    value: 'name',
    key: 'layout',
    commands: backing,
    text: 'native, or python: pairs that the Python tool restores',
  },
  {
    name: 'include-damaged',
    key: 'includeDamaged',
    commands: ['backup', 'restore', 'verify', 'drill'],
    text: 'Include damaged files as they are: truncated, or not readable by Graphite',
  },

  {
    name: 'date',
    letter: 'c',
    value: 'date',
    about: ['restore', 'list', 'show', 'hold', 'verify'],
    text: 'Newest backup before this ISO 8601 date (now)',
  },
  {
    name: 'as-of',
    value: 'date',
    commands: ['restore', 'list', 'show', 'verify', 'status'],
    text: 'Read the bucket as it was at this ISO 8601 date, before objects were deleted or overwritten; S3 and Swift with versions only',
  },
  { name: 'since', value: 'date', commands: ['list', 'verify'], text: 'Only backups of this date or later' },
  {
    name: 'from',
    value: 'date',
    commands: ['restore', 'fill'],
    text: 'Replace the points of existing files from this date on, up to --until, by those before --date; no others change',
  },
  {
    name: 'until',
    value: 'date',
    commands: ['restore', 'fill', 'hold'],
    text: 'End of the window, not included; with hold add: when the hold ends (never)',
  },
  {
    name: 'erase',
    commands: ['restore', 'fill'],
    text: 'With --from: also remove the points in the window that the backup does not have',
  },
  { name: 'reason', value: 'text', commands: ['hold'], text: 'Why the hold was added' },
  {
    name: 'read-data',
    value: 'n/t',
    isOptional: true,
    commands: verifying,
    text: 'Also fetch and check the content, of all metrics or of part n of t; today/t selects the part by date',
  },
  { name: 'compare', commands: verifying, text: 'Compare the newest backups with the local tree' },
  {
    name: 'repair',
    commands: verifying,
    text: 'Move damaged backups aside, so that the next backup stores the metric again',
  },
  {
    name: 'scratch',
    value: 'dir',
    commands: drilling,
    text: 'Empty directory outside the tree to restore into; emptied afterwards',
  },
  {
    name: 'sample',
    value: 'n/t',
    commands: drilling,
    text: 'Only part n of t of the metrics; today/t selects the part by date (all)',
  },
  { name: 'keep', commands: drilling, text: 'Keep the restored files in the scratch directory' },
  {
    name: 'fallback',
    key: 'fallback',
    commands: restoring,
    text: 'Fall back to an older backup if the newest is damaged',
  },
  {
    name: 'overwrite',
    key: 'overwrite',
    commands: restoring,
    text: 'Replace local files instead of filling their gaps',
  },
  {
    name: 'replace-damaged',
    key: 'replaceDamaged',
    commands: restoring,
    text: 'Move damaged local files aside and restore them',
  },
  {
    name: 'no-journal',
    key: 'noJournal',
    commands: ['restore', 'show', 'drill', 'list', ...whole],
    text: 'Leave out the points that the journal stored after the backups',
  },
  { name: 'skip-gone', key: 'skipGone', commands: restoring, text: 'Skip metrics that no longer existed at that date' },
  {
    name: 'rename',
    value: 'old=new',
    commands: ['restore', 'list'],
    text: 'Restore the metric old, and all below it, under the name new; -m selects old names; repeatable',
  },
  {
    name: 'rename-file',
    value: 'file',
    commands: ['restore', 'list'],
    text: 'File with one old=new per line; a tab between the names allows = in them',
  },
  {
    name: 'merge',
    commands: ['restore', 'list'],
    text: 'Let metrics that get the same new name fill one file, instead of refusing them',
  },
  {
    name: 'schemas',
    value: 'file',
    commands: ['restore', 'schema'],
    text: "Carbon's storage-schemas.conf: files get the schema that carbon would give them",
  },
  {
    name: 'retentions',
    value: 'list',
    commands: ['restore', 'schema'],
    text: 'Instead of --schemas: the archives of all files, such as 10s:6h,1m:7d',
  },
  {
    name: 'aggregations',
    value: 'file',
    commands: ['restore', 'schema'],
    text: "Carbon's storage-aggregation.conf, for method and xFilesFactor (those of the backup)",
  },
  {
    name: 'report',
    value: 'file',
    commands: ['restore'],
    text: 'Write what became of each metric to file.json, or a page with plots to file.html',
  },
  {
    name: 'owner',
    value: 'user:group',
    key: 'owner',
    commands: restoring,
    text: 'Owner of restored files (the owner of the directory)',
  },
  { name: 'now', value: 'epoch', commands: ['fill', 'show'], text: 'Use this Unix time as the current time' },
  { name: 'plot', commands: ['show'], text: 'Plot the finest archive, even when not on a terminal' },

  {
    name: 'noop',
    letter: 'n',
    key: 'noop',
    about: changing,
    text: 'Report what would be done; write nothing. A drill then fetches and checks nothing',
  },
  { name: 'dry-run', key: 'noop', about: changing, text: 'Same as --noop' },
  {
    name: 'json',
    key: 'json',
    text: 'Print one JSON summary to standard output; list, show and schema print one record per line',
  },
  { name: 'debug', letter: 'd', key: 'debug', text: 'Log debug messages' },
  { name: 'quiet', letter: 'q', key: 'quiet', text: 'Print only warnings and errors to standard error' },
  { name: 'no-color', key: 'noColor', text: 'No colors; same as NO_COLOR in the environment' },
  { name: 'nolog', key: 'nolog', about: changing, text: 'Do not write a log file' },
  { name: 'logfile', value: 'file', key: 'logfile', about: changing, text: 'Log file' },
  { name: 'syslog', key: 'syslog', about: changing, text: 'Also log to syslog, facility local3' },
  { name: 'nolock', key: 'nolock', about: locking, text: 'Do not take the run lock' },
  {
    name: 'lockfile',
    value: 'file',
    key: 'lockfile',
    about: locking,
    text: 'Run lock file',
  },
  {
    name: 'locktimeout',
    value: 's',
    key: 'locktimeout',
    about: locking,
    text: 'Seconds to wait for the run lock',
  },
  { name: 'nostamp', key: 'nostamp', about: ['backup'], text: 'Do not touch the stamp file' },
  {
    name: 'stampfile',
    value: 'file',
    key: 'stampfile',
    about: ['backup'],
    text: 'File to touch after a successful full backup',
  },
  {
    name: 'splay',
    value: 's',
    key: 'splay',
    about: locking,
    text: 'Start after a random delay of at most this many seconds',
  },
  {
    name: 'credentials',
    value: 'file',
    key: 'credentials',
    about: remote,
    text: 'File of NAME=value lines, used instead of AWS_*, ST_* and OS_* variables',
  },
  {
    name: 'state-dir',
    value: 'dir',
    key: 'stateDir',
    about: recorded,
    text: 'Directory for the records of runs',
  },
  {
    name: 'interval',
    value: 's',
    key: 'interval',
    about: recorded,
    text: 'Seconds between scheduled backups; late after two without a success',
  },
  {
    name: 'bucket-records',
    commands: ['status'],
    text: "Use the run records in the bucket instead of this host's own, for a host that is down",
  },
  {
    name: 'carbon',
    value: 'host:port',
    key: 'carbon',
    about: reporting,
    text: "Carbon's plaintext listener to send the figures of each run to (none)",
  },
  {
    name: 'carbon-prefix',
    value: 'name',
    key: 'carbonPrefix',
    about: reporting,
    text: 'Prefix of the names of these figures',
  },
  { name: 'config', value: 'file', text: 'Configuration file; repeatable, later files override earlier ones' },
  { name: 'help', letter: 'h', text: 'Print help, also for one command' },
  { name: 'version', letter: 'V', text: 'Print the version' },
];

/** Returns where the parser stores the value of an option: its key, or its name in camelCase. */
export function slotOf(option: OptionSpec): string {
  return option.key ?? option.name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
