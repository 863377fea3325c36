import * as v from 'valibot';

const text = v.pipe(
  v.string('must be text (quote it)'),
  v.nonEmpty('must not be empty'),
  v.regex(/^[^\0]*$/, 'must not contain a NUL'),
);
const anyText = v.pipe(v.string('must be text (quote it)'), v.regex(/^[^\0]*$/, 'must not contain a NUL'));
const flag = v.boolean('must be true or false');
const texts = v.array(text, 'must be a list');

function whole(least: number, most = Number.MAX_SAFE_INTEGER) {
  const message =
    most === Number.MAX_SAFE_INTEGER
      ? `must be a whole number of at least ${least}`
      : `must be a whole number from ${least} to ${most}`;
  return v.pipe(v.number(message), v.safeInteger(message), v.minValue(least, message), v.maxValue(most, message));
}

function number(least: number, most?: number) {
  const message = most === undefined ? `must be a number of at least ${least}` : `must be from ${least} to ${most}`;
  return v.pipe(v.number(message), v.finite(message), v.minValue(least, message), v.maxValue(most ?? 1e15, message));
}

/** Bytes per second, written as `20M` or as a number. */
function bytesPerSecond() {
  const message = 'must be bytes per second, such as 500000, 64K, 20M or 1G';
  const sizeOf = (size: string | number) => parseByteSize(String(size));
  return v.pipe(
    v.union([v.string(), v.number()], message),
    v.check((size) => sizeOf(size) !== undefined, message),
    v.transform((size) => sizeOf(size) ?? 0),
  );
}

/** A time span, written as `5m` or as a number of seconds. */
function duration() {
  const message = 'must be a number of seconds, optionally followed by s, m or h, such as 5m';
  return v.pipe(
    v.union([v.string(), v.number()], message),
    v.check((span) => parseDuration(String(span)) !== undefined, message),
    v.transform((span) => parseDuration(String(span)) ?? 0),
  );
}

function oneOf<const T extends readonly string[]>(names: T) {
  return v.picklist(names, `must be one of ${names.join(', ')}`);
}

/** The rules that a policy may set; those that it leaves out are the general ones. */
const policyRules = {
  retention: whole(1),
  keepWithin: number(0),
  keepDaily: whole(0),
  keepWeekly: whole(0),
  keepMonthly: whole(0),
  keepYearly: whole(0),
};

const policy = v.strictObject(
  { match: text, ...v.partial(v.object(policyRules)).entries },
  `must be a table of match and some of ${Object.keys(policyRules).join(', ')}`,
);

/** All keys of the configuration: long option names in camelCase. Validates each layer, then the merged result. */
export const schema = v.strictObject({
  storage: v.optional(
    v.pipe(
      text,
      v.regex(
        /^\S+$/,
        "must be only the name; put arguments into storageArgs, such as storageArgs: ['path=/srv/backups']",
      ),
      v.toLowerCase(),
    ),
  ),
  storageArgs: texts,
  bucket: text,
  storagePath: anyText,
  storagePathRaw: v.optional(text),
  prefix: text,
  metrics: text,
  exclude: texts,
  processes: whole(1, 1024),
  bytesInFlight: whole(1024 * 1024),
  bandwidth: bytesPerSecond(),
  retryFor: duration(),
  ...policyRules,
  policies: v.array(policy, 'must be a list of policies, which only files can have'),
  deletes: oneOf(['allowed', 'never']),
  purge: whole(-1),
  purgeShare: number(0, 100),
  journalKeep: number(0),
  noop: flag,
  // The Python tool needed `sz` even to read; the commands that read still accept it.
  algorithm: v.picklist(['gz', 'zst', 'sz'], 'must be one of gz, zst'),
  layout: oneOf(['native', 'python']),
  gzipEngine: oneOf(['auto', 'fflate', 'zlib', 'libdeflate', 'isal']),
  gzipLevel: v.optional(
    v.union([whole(0, 12), v.literal('fastest')], "must be a whole number from 0 to 12, or 'fastest'"),
  ),
  includeDamaged: flag,
  cacheDir: text,
  noCache: flag,
  noFlock: flag,
  noJournal: flag,
  fileLockTimeout: number(0),
  fallback: flag,
  overwrite: flag,
  replaceDamaged: flag,
  skipGone: flag,
  owner: v.optional(text),
  debug: flag,
  quiet: flag,
  json: flag,
  noColor: flag,
  nolog: flag,
  logfile: text,
  syslog: flag,
  nolock: flag,
  lockfile: text,
  nostamp: flag,
  stampfile: text,
  locktimeout: number(0),
  splay: number(0),
  credentials: v.optional(text),
  stateDir: text,
  interval: number(1),
  carbon: v.optional(
    v.pipe(
      text,
      v.regex(/^([^\s:@/]+|\[[\da-fA-F:.]+\]):\d{1,5}$/, 'must be host:port, such as carbon.example.org:2003'),
    ),
  ),
  carbonPrefix: v.pipe(
    text,
    v.regex(/^[\w-]+(\.[\w-]+)*$/, 'must be names of letters, digits, _ and -, separated by dots'),
  ),
});

export type Config = v.InferOutput<typeof schema>;
export type Key = keyof Config;

export type Layer = { -readonly [K in Key]?: Config[K] | undefined };

export const keys = Object.keys(schema.entries) as readonly Key[]; // Object.keys returns string[].

export function isKey(name: string): name is Key {
  return Object.hasOwn(schema.entries, name);
}

/** Returns how the value of a key is written in a variable or on the command line. */
export function kindOf(key: Key): 'text' | 'number' | 'flag' | 'list' {
  const entry = schema.entries[key];
  const inner = entry.type === 'optional' ? entry.wrapped : entry;
  if (inner.type === 'number') return 'number';
  // A number or `fastest`.
  if (key === 'gzipLevel') return 'number';
  if (inner.type === 'boolean') return 'flag';
  if (inner.type === 'array') return 'list';
  return 'text';
}

const units: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/**
 * Parses a byte count: `20M`, `1.5g`, `500000`. K, M and G are powers of 1,024, as in rsync and rclone.
 *
 * @returns undefined if the text is not a byte count.
 */
function parseByteSize(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([KMG]?)$/i.exec(text) ?? [];
  const factor = units[unit.toUpperCase()];
  if (digits === undefined || factor === undefined) return undefined;
  const bytes = Math.round(Number(digits) * factor);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

const seconds: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600 };

/**
 * Parses a time span: `5m`, `90`, `1.5h`.
 *
 * @returns seconds; undefined if the text is not a time span, or longer than a week.
 */
function parseDuration(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,9}(?:\.\d{1,9})?)([smh]?)$/.exec(text) ?? [];
  const span = Number(digits) * (seconds[unit] ?? Number.NaN);
  return span <= 604_800 ? span : undefined;
}
