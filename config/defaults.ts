import { DEFAULTS } from '../lib/common/defaults.ts';
import type { Config } from './schema.ts';

/** The default values. A key that is missing here has no default. */
export const defaults = {
  ...DEFAULTS,
  prefix: '/opt/graphite/storage/whisper',
  noop: false,
  bucket: 'graphite-backups',
  gzipEngine: 'auto',
  storageArgs: [],
  cacheDir: '/var/cache/whisper-backup',
  noCache: false,
  noFlock: false,
  noJournal: false,
  bandwidth: 0,
  debug: false,
  quiet: false,
  json: false,
  noColor: false,
  nolog: false,
  logfile: '/var/log/whisper-backup.log',
  syslog: false,
  nolock: false,
  lockfile: '/var/lock/whisper-backup.lock',
  nostamp: false,
  stampfile: '/var/tmp/whisper-backup.success',
  locktimeout: 90,
  splay: 0,
  stateDir: '/var/lib/whisper-backup',
  interval: 86_400,
  journalKeep: 8,
  carbonPrefix: 'whisper-backup',
} as const satisfies Partial<Config>;
