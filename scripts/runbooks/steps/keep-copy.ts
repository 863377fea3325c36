import type { Fleet } from '../engine/fleet.ts';
import type { RunbookOption, Step, Values } from '../engine/runbook.ts';

export const keepInOption: RunbookOption = {
  name: 'keep-in',
  value: 'dir',
  text: 'Directory on the host for the copy of the bad files (/var/lib/whisper-backup)',
};

/**
 * Keeps the files as they are now in a bucket of their own, on the host's disk: compressed, named by metric, and brought
 * back by the tool itself. It is no backup of the host: it leaves no stamp, and its record lies beside it.
 */
export function keepCopyStep(fleet: Fleet, host: string, values: Values): { step: Step; directory: string } {
  const bucket = `bad-since-${values.required('date').replace(/[^\w]/g, '-')}`;
  const parent = values.one('keep-in') ?? '/var/lib/whisper-backup';
  const apart = ['--no-cache', '--nostamp', '--nolog', `--state-dir=${parent}/${bucket}.runs`];
  // Nothing that was copied is ever deleted, by a second run either.
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
