import process from 'node:process';
import { command } from './command.ts';

/**
 * The date of all files of a release, in seconds since 1970: SOURCE_DATE_EPOCH, else that of the last commit.
 * See https://reproducible-builds.org/specs/source-date-epoch/.
 */
export async function commitTime(root: string): Promise<number> {
  const asked = process.env['SOURCE_DATE_EPOCH'];
  if (asked !== undefined) {
    if (/^\d{1,11}$/.test(asked)) return Number(asked);
    throw new Error(`Cannot date a release: SOURCE_DATE_EPOCH must be seconds since 1970: got "${asked}"`);
  }
  try {
    return Number(await command('git', ['log', '-1', '--format=%ct'], root));
  } catch (cause) {
    throw new Error(`Cannot date a release: git knows no commit of ${root}; set SOURCE_DATE_EPOCH`, { cause });
  }
}
