import type { Key } from '../../config/schema.ts';

export type CommandName =
  | 'backup'
  | 'restore'
  | 'purge'
  | 'list'
  | 'fill'
  | 'show'
  | 'verify'
  | 'drill'
  | 'status'
  | 'doctor'
  | 'config';

/** One option of the command line. */
export interface OptionSpec {
  /** Long name, without dashes. */
  readonly name: string;
  readonly letter?: string;
  /** What stands for the value in the help; an option without it is a flag. */
  readonly value?: string;
  /** Whether the value may be left out, which is then `true`; it is given as `--name=value` only. @default false */
  readonly isOptional?: boolean;
  readonly text: string;
  /** The configuration key it sets; an option without one holds for this run alone. */
  readonly key?: Key;
  /** The commands that take it. @default all of them, as in the Python tool */
  readonly commands?: readonly CommandName[];
  /** The commands it means something to, and whose help shows it. @default those that take it */
  readonly about?: readonly CommandName[];
}

const tree: readonly CommandName[] = ['backup', 'restore', 'purge'];
const remote: readonly CommandName[] = [...tree, 'list', 'show', 'verify', 'drill', 'status', 'doctor'];
const files: readonly CommandName[] = ['backup', 'restore', 'fill', 'show', 'verify', 'drill'];
const changing: readonly CommandName[] = [...tree, 'fill', 'verify', 'drill'];
/** What takes whatever a timer would be given. */
const whole: readonly CommandName[] = ['doctor', 'config'];
const writing: readonly CommandName[] = ['backup', 'purge', ...whole];
const restoring: readonly CommandName[] = ['restore', ...whole];
const selecting: readonly CommandName[] = [...tree, 'list', 'verify', 'drill'];
const locking: readonly CommandName[] = [...tree, 'verify'];
const verifying: readonly CommandName[] = ['verify'];
const drilling: readonly CommandName[] = ['drill'];
const recorded: readonly CommandName[] = [...tree, 'status', ...whole];
const reporting: readonly CommandName[] = [...tree, 'verify', ...whole];
const backing: readonly CommandName[] = ['backup', ...whole];

/** Every option, in the order of the help. Letters, names, meanings and defaults of the Python tool are kept. */
export const optionTable: readonly OptionSpec[] = [
  {
    name: 'prefix',
    letter: 'p',
    value: 'dir',
    key: 'prefix',
    about: [...locking, 'drill'],
    text: 'Root of the Whisper tree (/opt/graphite/storage/whisper)',
  },
  {
    name: 'metrics',
    letter: 'm',
    value: 'glob',
    key: 'metrics',
    about: selecting,
    text: 'Only metrics whose dotted name matches (*)',
  },
  {
    name: 'exclude',
    value: 'glob',
    key: 'exclude',
    about: selecting,
    text: 'Leave these metrics alone, or all below a directory; repeatable',
  },
  {
    name: 'bucket',
    letter: 'b',
    value: 'name',
    key: 'bucket',
    about: remote,
    text: 'Bucket, container, or directory of the disk store (graphite-backups)',
  },
  {
    name: 'storage-path',
    value: 'path',
    key: 'storagePath',
    about: remote,
    text: 'Path in the bucket, ahead of each metric (none)',
  },
  {
    name: 'storage-path-raw',
    value: 'text',
    key: 'storagePathRaw',
    about: remote,
    text: 'The same without a slash, as version 0.3.0 of the Python tool wrote it',
  },
  {
    name: 'processes',
    letter: 'f',
    value: 'n',
    key: 'processes',
    about: ['backup', 'restore', 'verify', 'drill'],
    text: 'Files worked on at once (4)',
  },
  {
    name: 'bytes-in-flight',
    value: 'bytes',
    key: 'bytesInFlight',
    about: ['backup', 'restore', 'verify', 'drill', ...whole],
    text: 'Bytes of files held in memory at once (268435456)',
  },
  {
    name: 'bandwidth',
    value: 'bytes',
    key: 'bandwidth',
    about: [...tree, 'verify', 'drill', ...whole],
    text: 'Bytes a second to and from the storage, as 20M; 0 is no limit (0)',
  },
  { name: 'no-flock', key: 'noFlock', about: files, text: 'Do not lock files: for file systems without locks' },
  {
    name: 'file-lock-timeout',
    value: 's',
    key: 'fileLockTimeout',
    about: files,
    text: 'Seconds to wait for the lock on one file (10)',
  },

  {
    name: 'retention',
    letter: 'r',
    value: 'n',
    key: 'retention',
    about: ['backup'],
    text: 'Newest backups kept of each metric (5)',
  },
  {
    name: 'keep-within',
    value: 'days',
    key: 'keepWithin',
    commands: writing,
    text: 'Keep all backups younger than this as well (0)',
  },
  {
    name: 'purge',
    letter: 'x',
    value: 'days',
    key: 'purge',
    about: ['backup', 'purge'],
    text: 'Days a metric must have been gone until its backups go; 0 at once, -1 never (45)',
  },
  {
    name: 'purge-share',
    value: 'percent',
    key: 'purgeShare',
    commands: writing,
    text: 'Stop the purge when more of the metrics than this would go (50)',
  },
  { name: 'force', commands: ['backup', 'purge'], text: 'Override the guards that stopped a purge' },
  { name: 'rehash', commands: ['backup'], text: 'Read every file, whatever the stat cache tells of it' },
  {
    name: 'cache-dir',
    value: 'dir',
    key: 'cacheDir',
    about: backing,
    text: 'Where to remember what files look like (/var/cache/whisper-backup)',
  },
  { name: 'no-cache', key: 'noCache', about: backing, text: 'Remember nothing: read every file each time' },
  {
    name: 'adopt',
    commands: ['backup', 'purge', 'verify'],
    text: 'Accept a bucket of another machine, host name or prefix',
  },
  {
    name: 'create',
    commands: ['backup'],
    text: 'Start anew in a bucket that is missing or has lost its owner marker, on a host that has backed up before',
  },
  {
    name: 'algorithm',
    letter: 'a',
    value: 'name',
    key: 'algorithm',
    about: ['backup'],
    text: 'Compression: gz or zst (gz)',
  },
  {
    name: 'gzip-engine',
    value: 'name',
    key: 'gzipEngine',
    commands: backing,
    text: 'auto, fflate, zlib, libdeflate or isal (auto)',
  },
  {
    name: 'gzip-level',
    value: 'n',
    key: 'gzipLevel',
    commands: backing,
    text: "Level, on the engine's own scale, or 'fastest': some more bytes in much less time",
  },
  {
    name: 'layout',
    value: 'name',
    key: 'layout',
    commands: backing,
    text: 'native, or python: pairs that the Python tool restores (native)',
  },
  {
    name: 'include-damaged',
    key: 'includeDamaged',
    commands: ['backup', 'restore', 'verify', 'drill'],
    text: 'Take damaged files as they are: cut, or not readable by Graphite',
  },

  {
    name: 'date',
    letter: 'c',
    value: 'date',
    about: ['restore', 'list', 'show', 'verify'],
    text: 'Newest backup before this ISO-8601 date (now)',
  },
  { name: 'since', value: 'date', commands: ['list', 'verify'], text: 'Only backups of this date or later' },
  {
    name: 'read-data',
    value: 'n/t',
    isOptional: true,
    commands: verifying,
    text: 'Fetch and check the content too, of all metrics or of the n-th of t parts; today/t: that of the day',
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
    text: 'Empty directory to restore to, outside the tree; it is emptied again',
  },
  {
    name: 'sample',
    value: 'n/t',
    commands: drilling,
    text: 'Only the n-th of t parts of the metrics; today/t: that of the day (all)',
  },
  { name: 'keep', commands: drilling, text: 'Leave what was restored in the scratch directory' },
  { name: 'fallback', key: 'fallback', commands: restoring, text: 'Take an older backup where the newest is damaged' },
  {
    name: 'overwrite',
    key: 'overwrite',
    commands: restoring,
    text: 'Replace local files, rather than fill their gaps',
  },
  {
    name: 'replace-damaged',
    key: 'replaceDamaged',
    commands: restoring,
    text: 'Move damaged local files aside and restore them',
  },
  { name: 'skip-gone', key: 'skipGone', commands: restoring, text: 'Leave out metrics that were gone by that date' },
  {
    name: 'owner',
    value: 'user:group',
    key: 'owner',
    commands: restoring,
    text: 'Who owns what is restored (the owner of the directory)',
  },
  { name: 'now', value: 'epoch', commands: ['fill', 'show'], text: 'Seconds since 1970 to take for the present' },
  { name: 'plot', commands: ['show'], text: 'Plot the newest archive, on a terminal or not' },

  {
    name: 'noop',
    letter: 'n',
    key: 'noop',
    about: changing,
    text: 'Say what would be done; write nothing, anywhere. A drill fetches and judges nothing then',
  },
  { name: 'dry-run', key: 'noop', about: changing, text: 'The same' },
  { name: 'json', key: 'json', text: 'One JSON summary on standard output; records, one a line, for list and show' },
  { name: 'debug', letter: 'd', key: 'debug', text: 'Log more' },
  { name: 'quiet', letter: 'q', key: 'quiet', text: 'Only warnings and errors on standard error' },
  { name: 'no-color', key: 'noColor', text: 'No colours; NO_COLOR in the environment does the same' },
  { name: 'nolog', key: 'nolog', about: changing, text: 'No log file' },
  { name: 'logfile', value: 'file', key: 'logfile', about: changing, text: 'Log file (/var/log/whisper-backup.log)' },
  { name: 'syslog', key: 'syslog', about: changing, text: 'Log to syslog as well, facility local3' },
  { name: 'nolock', key: 'nolock', about: locking, text: 'No run lock' },
  {
    name: 'lockfile',
    value: 'file',
    key: 'lockfile',
    about: locking,
    text: 'Run lock (/var/lock/whisper-backup.lock)',
  },
  {
    name: 'locktimeout',
    value: 's',
    key: 'locktimeout',
    about: locking,
    text: 'Seconds to wait for the run lock (90)',
  },
  { name: 'nostamp', key: 'nostamp', about: ['backup'], text: 'No stamp file' },
  {
    name: 'stampfile',
    value: 'file',
    key: 'stampfile',
    about: ['backup'],
    text: 'Touched when a full backup succeeded (/var/tmp/whisper-backup.success)',
  },
  {
    name: 'splay',
    value: 's',
    key: 'splay',
    about: locking,
    text: 'Start after a random time of at most this many seconds (0)',
  },
  {
    name: 'credentials',
    value: 'file',
    key: 'credentials',
    about: remote,
    text: 'File of NAME=value lines that stand in for AWS_*, ST_* and OS_* variables',
  },
  {
    name: 'state-dir',
    value: 'dir',
    key: 'stateDir',
    about: recorded,
    text: 'Where each run leaves its record (/var/lib/whisper-backup)',
  },
  {
    name: 'interval',
    value: 's',
    key: 'interval',
    about: recorded,
    text: 'Seconds between scheduled backups: two without a success are late (86400)',
  },
  {
    name: 'bucket-records',
    commands: ['status'],
    text: "Go by what the bucket has on record, not by this host's own: for a host that is dead",
  },
  {
    name: 'carbon',
    value: 'host:port',
    key: 'carbon',
    about: reporting,
    text: "Carbon's plaintext listener, to send the figures of each run to (none)",
  },
  {
    name: 'carbon-prefix',
    value: 'name',
    key: 'carbonPrefix',
    about: reporting,
    text: 'What the names of these figures begin with (whisper-backup)',
  },
  { name: 'config', value: 'file', text: 'Configuration file; repeatable, later ones override' },
  { name: 'help', letter: 'h', text: 'Help, also for one command' },
  { name: 'version', letter: 'V', text: 'Version' },
];

/** Where the value of an option is kept: its key, or its name in camelCase. */
export function slotOf(option: OptionSpec): string {
  return option.key ?? option.name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
