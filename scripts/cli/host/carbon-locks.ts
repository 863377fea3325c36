import { parseINI } from 'confbox/ini';
import { parseTOML } from 'confbox/toml';
import { codeOf, pathReason, WhisperBackupError } from '../../../lib/common/errors.ts';
import { readRegularFile } from '../../../lib/system/regular-file.ts';

/** Whether carbon locks its files while it writes. If not, a backup may read a half-written file. */
export interface CarbonLocks {
  /** The settings file. */
  readonly file: string;
  readonly locks: boolean;
  /** What to change if carbon does not lock. */
  readonly remedy: string;
}

export interface CarbonPlaces {
  /** @default ['/opt/graphite/conf/carbon.conf', '/etc/carbon/carbon.conf'] */
  readonly carbon?: readonly string[];
  /** @default ['/etc/go-carbon/go-carbon.conf'] */
  readonly goCarbon?: readonly string[];
}

/**
 * Reads from the settings of carbon and go-carbon whether they lock their files. If several files exist, one without
 * locks is returned first.
 *
 * @returns undefined if there are no settings on this host.
 * @throws WhisperBackupError `CARBON_CONFIG` if the settings cannot be read.
 */
export async function carbonLocks(places: CarbonPlaces = {}): Promise<CarbonLocks | undefined> {
  const { carbon = ['/opt/graphite/conf/carbon.conf', '/etc/carbon/carbon.conf'] } = places;
  const { goCarbon = ['/etc/go-carbon/go-carbon.conf'] } = places;
  const found = [
    ...(await Promise.all(carbon.map((file) => locksOf(file, carbonLocksIn)))),
    ...(await Promise.all(goCarbon.map((file) => locksOf(file, goCarbonLocksIn)))),
  ].filter((one) => one !== undefined);
  return found.find(({ locks }) => !locks) ?? found[0];
}

type Reading = (text: string, file: string) => CarbonLocks;

async function locksOf(file: string, read: Reading): Promise<CarbonLocks | undefined> {
  try {
    return read(await readRegularFile(file), file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw new WhisperBackupError(
      'CARBON_CONFIG',
      `Cannot read carbon's lock setting from ${file}: ${pathReason(error)}`,
      {
        cause: error,
      },
    );
  }
}

/**
 * Reads WHISPER_LOCK_WRITES of all sections that write: `[cache]`, and `[cache:name]` of an instance, which inherits from
 * `[cache]` (carbon's conf.py). The default is off.
 */
function carbonLocksIn(text: string, file: string): CarbonLocks {
  // Python's ConfigParser also accepts a colon.
  const sections = parseINI<Readonly<Record<string, unknown>>>(text.replace(/^(\s*\w+)[ \t]*:[ \t]*/gm, '$1 = '));
  const common = switchOf(sections['cache']) ?? false;
  const instances = Object.entries(sections).filter(([name]) => name.startsWith('cache:'));
  const off = instances.find(([, section]) => !(switchOf(section) ?? common));
  const locks = instances.length > 0 ? off === undefined : common;
  const section = off !== undefined && switchOf(off[1]) === false ? off[0] : 'cache';
  const remedy = `set WHISPER_LOCK_WRITES = True in [${section}] of ${file}, and restart carbon-cache`;
  return { file, locks, remedy };
}

/** Parses a switch as Python's ConfigParser does: names are case-insensitive, the last one wins. */
function switchOf(section: unknown): boolean | undefined {
  if (!isTable(section)) return undefined;
  const settings = Object.entries(section).filter(([name]) => name.toUpperCase() === 'WHISPER_LOCK_WRITES');
  const last = settings.at(-1)?.[1];
  return last === undefined ? undefined : /^(true|yes|on|1)$/i.test(String(last).trim());
}

/** Reads `flock` of `[whisper]`. The default is off. */
function goCarbonLocksIn(text: string, file: string): CarbonLocks {
  const { whisper } = parseTOML<Readonly<Record<string, unknown>>>(text);
  const locks = isTable(whisper) && whisper['flock'] === true;
  return { file, locks, remedy: `set flock = true in [whisper] of ${file}, and restart go-carbon` };
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
