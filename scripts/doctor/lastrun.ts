import type { RunRecord } from '../../lib/runrecord.ts';
import { readRunFiles } from '../host/runfiles.ts';
import { bad, type Check, ok, warn } from './check.ts';

/** How the last backup went, by the records of this host, and how old the last good one is. */
export const lastRun: Check = {
  name: 'last run',
  async run({ config }) {
    const unusable: string[] = [];
    let last: RunRecord | undefined;
    let success: RunRecord | undefined;
    for await (const record of readRunFiles(config.stateDir, (message) => unusable.push(message))) {
      if (record.command !== 'backup') continue;
      last ??= record;
      if (record.exitCode === 0) success = record;
      if (success !== undefined) break;
    }
    if (last === undefined) {
      const why = unusable[0] === undefined ? '' : ` (${unusable[0]})`;
      return warn(
        `No backup of this host is on record in ${config.stateDir}${why}`,
        'Start one: systemctl start whisper-backup, or make backup',
      );
    }
    const hours = success && (Date.now() - Date.parse(success.finished)) / 3_600_000;
    const age =
      hours === undefined ? 'none succeeded that is on record' : `the last success is ${hours.toFixed(1)} h old`;
    if (last.exitCode !== 0) {
      const why = last.error === undefined ? '' : `: ${last.error}`;
      return bad(
        `The last backup ended with ${last.exitCode} at ${last.finished}${why}; ${age}`,
        'Its log names what failed',
      );
    }
    if (hours !== undefined && hours * 3600 > 2 * config.interval) {
      return bad(`Late: ${age}, and there should be one every ${config.interval} s`, 'See the timer');
    }
    return ok(`The last backup went well; ${age}`);
  },
};
