import { stat } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import { pathReason } from '../lib/common/errors.ts';
import { readRegularFile } from '../lib/system/regular-file.ts';
import { ConfigError } from './errors.ts';
import { suggestion } from './nearest.ts';
import { checkTrusted } from './trust.ts';

/** Values by variable name, used instead of the environment. Secret: never copy them to `process.env`. */
export type Credentials = Readonly<Record<string, string>>;

/** The `AWS_*` names that the S3 store supports. All `OS_*` and `ST_*` names are accepted. */
const awsNames = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_REGION',
  'AWS_DEFAULT_REGION',
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_S3',
];

const OTHERS_READ = 0o004;

/** Well above the size of a file that sets every supported name. */
const MOST_BYTES = 65_536;

const BLANK_OR_COMMENT = /^\s*(#.*)?$/;

/** `NAME=value`. A value with characters that parsers read differently must be quoted. */
const LINE = /^\s*(?:export\s+)?(?<name>[A-Za-z_]\w*)\s*=\s*(?<value>'[^']*'|"[^"\\]*"|`[^`]*`|[^\s#'"`][^#'"`]*|)\s*$/;

/**
 * Reads `NAME=value` lines (`AWS_*`, `ST_*`, `OS_*`) as a shell or systemd would. Blank lines and `#` comments are
 * skipped, values may be quoted, and an empty value counts as not set.
 *
 * @throws ConfigError if other users can read or write the file, or a line is invalid. Names the file and the line,
 *   never a value.
 */
export async function readCredentials(path: string): Promise<Credentials> {
  const text = await read(path);
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (!BLANK_OR_COMMENT.test(line)) checkLine(line, `${path}, line ${index + 1}`);
  }
  const entries = Object.entries(parseEnv(text));
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value]])),
  );
}

async function read(path: string): Promise<string> {
  try {
    const real = await checkTrusted(path);
    const { mode, size } = await stat(real);
    if ((mode & OTHERS_READ) !== 0) {
      throw new ConfigError(`Cannot use the credentials ${path}: other users can read it; run: chmod o-r ${real}`);
    }
    if (size > MOST_BYTES) {
      throw new ConfigError(
        `Cannot use the credentials ${path}: it has ${size} bytes, more than the maximum of ${MOST_BYTES}`,
      );
    }
    return await readRegularFile(real);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`Cannot read the credentials ${path}: ${pathReason(error)}: check --credentials`, {
      cause: error,
    });
  }
}

function checkLine(line: string, where: string): void {
  const name = LINE.exec(line)?.groups?.['name'];
  if (name === undefined) {
    throw new ConfigError(
      `Cannot use the credentials ${where}: it must be NAME=value, quote a value that contains # or quotes, or starts or ends with a space`,
    );
  }
  if (/^(ST|OS)_/.test(name) || awsNames.includes(name)) return;
  if (name.startsWith('AWS_')) {
    throw new ConfigError(
      `Cannot use the credentials ${where}: ${name} is not one of ${awsNames.join(', ')}${suggestion(name, awsNames, (right) => right)}`,
    );
  }
  // The name may be the second line of a secret, so it is not printed.
  throw new ConfigError(`Cannot use the credentials ${where}: names must begin with AWS_, ST_ or OS_`);
}
