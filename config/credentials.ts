import { stat } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import { reasonOf } from '../lib/common/errors.ts';
import { readRegularFile } from '../lib/system/regular-file.ts';
import { ConfigError } from './errors.ts';
import { suggestion } from './nearest.ts';
import { trusted } from './trust.ts';

/** What stands in for environment variables, by their names. It is secret: never put it in `process.env`. */
export type Credentials = Readonly<Record<string, string>>;

/** Of Amazon's names those that say what the S3 store can be told; OpenStack's and Swift's are all read. */
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

/** Far more than all names there are. */
const MOST_BYTES = 65_536;

/** A blank line, or a comment. */
const SILENT = /^\s*(#.*)?$/;

/** `NAME=value`; what would end a value early, or be read in two ways, must stand in quotes. */
const LINE = /^\s*(?:export\s+)?(?<name>[A-Za-z_]\w*)\s*=\s*(?<value>'[^']*'|"[^"\\]*"|`[^`]*`|[^\s#'"`][^#'"`]*|)\s*$/;

/**
 * Reads a file of `NAME=value` lines for `AWS_*`, `ST_*` and `OS_*`, one a line, as a shell or systemd would: blank
 * lines and `#` comments are passed over, and a value may stand in quotes. A name without a value counts as not set.
 *
 * @throws ConfigError when somebody else could have written the file, or may read it, and for a line that is none of
 *   these: it names the file and the line, and never shows a value.
 */
export async function readCredentials(path: string): Promise<Credentials> {
  const text = await read(path);
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (!SILENT.test(line)) checkLine(line, `${path}, line ${index + 1}`);
  }
  const entries = Object.entries(parseEnv(text));
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value]])),
  );
}

async function read(path: string): Promise<string> {
  try {
    const real = await trusted(path);
    const { mode, size } = await stat(real);
    if ((mode & OTHERS_READ) !== 0) {
      throw new ConfigError(`Cannot use the credentials ${path}: others may read them; run: chmod o-r ${real}`);
    }
    if (size > MOST_BYTES) {
      throw new ConfigError(`Cannot use the credentials ${path}: ${size} bytes are too many, ${MOST_BYTES} the most`);
    }
    return await readRegularFile(real);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`Cannot read the credentials ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

function checkLine(line: string, where: string): void {
  const name = LINE.exec(line)?.groups?.['name'];
  if (name === undefined) {
    throw new ConfigError(
      `Cannot use the credentials ${where}: it must be NAME=value, with quotes round a value that holds #, quotes or spaces at an end`,
    );
  }
  if (/^(ST|OS)_/.test(name) || awsNames.includes(name)) return;
  if (name.startsWith('AWS_')) {
    throw new ConfigError(
      `Cannot use the credentials ${where}: ${name} is none of ${awsNames.join(', ')}${suggestion(name, awsNames, (right) => right)}`,
    );
  }
  // The name is not shown: it may be the second line of a secret.
  throw new ConfigError(
    `Cannot use the credentials ${where}: only names that begin with AWS_, ST_ or OS_ may stand here`,
  );
}
