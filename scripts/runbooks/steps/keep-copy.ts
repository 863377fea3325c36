import type { Fleet } from '../engine/fleet.ts';
import type { RunbookOption, Step, Values } from '../engine/runbook.ts';

export const keepInOption: RunbookOption = {
  name: 'keep-in',
  value: 'dir',
  text: 'Directory on the host for the copy of the bad files (/var/lib/whisper-backup)',
};

/**
 * Backs up the current files into a separate bucket on the host's disk, from which whisper-backup can restore them. It
 * does not count as a backup of the host: it leaves no stamp, and its records are beside the copy.
 */
export function keepCopyStep(fleet: Fleet, host: string, values: Values): { step: Step; directory: string } {
  const bucket = `bad-since-${values.required('date').replace(/[^\w]/g, '-')}`;
  const parent = values.one('keep-in') ?? '/var/lib/whisper-backup';
  const apart = ['--no-cache', '--nostamp', '--nolog', `--state-dir=${parent}/${bucket}.runs`];
  // Never delete a copy, not even in a second run.
  const kept = ['--purge=-1', '--retention=1000000', '--include-damaged', '--storage-path='];
  const commands = values
    .all('metrics')
    .map((glob) =>
      fleet.tool(host, [
        `--metrics=${glob}`,
        `--bucket=${bucket}`,
        ...kept,
        ...apart,
        'backup',
        'disk',
        `path=${parent}`,
      ]),
    );
  const directory = `${parent}/${bucket}`;
  return {
    step: { id: 'keep-copy', title: `Keep a copy of the bad files in ${directory} on ${host}`, commands },
    directory,
  };
}
