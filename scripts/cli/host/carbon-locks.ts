import { parseINI } from 'confbox/ini';
import { parseTOML } from 'confbox/toml';
import { codeOf, reasonOf, WhisperBackupError } from '../../../lib/common/errors.ts';
import { readRegularFile } from '../../../lib/system/regular-file.ts';

/** Whether carbon locks the files that it writes, so that no backup catches one half written. */
export interface CarbonLocks {
  /** The file that says so. */
  readonly file: string;
  readonly locks: boolean;
  /** What to change where it does not lock. */
  readonly remedy: string;
}

/** Where the settings of carbon stand, and those of go-carbon. */
export interface CarbonPlaces {
  /** @default ['/opt/graphite/conf/carbon.conf', '/etc/carbon/carbon.conf'] */
  readonly carbon?: readonly string[];
  /** @default ['/etc/go-carbon/go-carbon.conf'] */
  readonly goCarbon?: readonly string[];
}

/**
 * Reads whether this host's carbon locks its files. Where there are settings of several, one that does not lock is told.
 *
 * @returns undefined when there are no settings of carbon on this host.
 * @throws WhisperBackupError `CARBON_CONFIG` when there are, and they cannot be read.
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

/** What a text of settings says. */
type Reading = (text: string, file: string) => CarbonLocks;

async function locksOf(file: string, read: Reading): Promise<CarbonLocks | undefined> {
  try {
    return read(await readRegularFile(file), file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw new WhisperBackupError(
      'CARBON_CONFIG',
      `Cannot read whether carbon locks its files: ${file}: ${reasonOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

/**
 * WHISPER_LOCK_WRITES of each section that writes: `[cache]`, and `[cache:name]` of an instance, which takes from
 * `[cache]` what it does not say itself (carbon's conf.py). It is off by default.
 */
function carbonLocksIn(text: string, file: string): CarbonLocks {
  // Python's ConfigParser takes a colon as well.
  const sections = parseINI<Readonly<Record<string, unknown>>>(text.replace(/^(\s*\w+)[ \t]*:[ \t]*/gm, '$1 = '));
  const common = switchOf(sections['cache']) ?? false;
  const instances = Object.entries(sections).filter(([name]) => name.startsWith('cache:'));
  const off = instances.find(([, section]) => !(switchOf(section) ?? common));
  const locks = instances.length > 0 ? off === undefined : common;
  const section = off !== undefined && switchOf(off[1]) === false ? off[0] : 'cache';
  const remedy = `set WHISPER_LOCK_WRITES = True in [${section}] of ${file}, and restart carbon-cache`;
  return { file, locks, remedy };
}

/** As Python's ConfigParser reads a switch; the last one holds, however its name is written. */
function switchOf(section: unknown): boolean | undefined {
  if (!isTable(section)) return undefined;
  const said = Object.entries(section).filter(([name]) => name.toUpperCase() === 'WHISPER_LOCK_WRITES');
  const last = said.at(-1)?.[1];
  return last === undefined ? undefined : /^(true|yes|on|1)$/i.test(String(last).trim());
}

/** `flock` of go-carbon's `[whisper]`, off by default. */
function goCarbonLocksIn(text: string, file: string): CarbonLocks {
  const { whisper } = parseTOML<Readonly<Record<string, unknown>>>(text);
  const locks = isTable(whisper) && whisper['flock'] === true;
  return { file, locks, remedy: `set flock = true in [whisper] of ${file}, and restart go-carbon` };
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
