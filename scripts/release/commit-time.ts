import process from 'node:process';
import { command } from './command.ts';

/**
 * Returns the date of all files of a release as Unix time: SOURCE_DATE_EPOCH, or the time of the last commit.
 * See https://reproducible-builds.org/specs/source-date-epoch/.
 */
export async function commitTime(root: string): Promise<number> {
  const epoch = process.env['SOURCE_DATE_EPOCH'];
  if (epoch !== undefined) {
    if (/^\d{1,11}$/.test(epoch)) return Number(epoch);
    throw new Error(`Cannot date a release: SOURCE_DATE_EPOCH must be a Unix time in seconds: got "${epoch}"`);
  }
  try {
    return Number(await command('git', ['log', '-1', '--format=%ct'], root));
  } catch (cause) {
    throw new Error(`Cannot date a release: git finds no commit in ${root}; set SOURCE_DATE_EPOCH`, { cause });
  }
}
