import { Fleet } from './engine/fleet.ts';
import { runRunbook } from './engine/run.ts';
import type { Plan, Runbook, Values } from './engine/runbook.ts';
import { backupStep } from './steps/backup.ts';

const bucketDamaged: Runbook = {
  name: 'bucket-damaged',
  title: 'Backups in a bucket are damaged: find them, move them aside, store the metrics again',
  options: [
    { name: 'host', value: 'host', isRequired: true, kind: 'host', text: 'The host that the bucket belongs to' },
    { name: 'metrics', value: 'glob', text: 'Only these metrics (*)' },
  ],
  plan,
};

function plan(values: Values): Plan {
  const host = values.required('host');
  const fleet = new Fleet(values);
  const reading = ['--read-data', '--include-damaged', '--nolog', `--metrics=${values.one('metrics') ?? '*'}`];
  return {
    steps: [
      {
        id: 'verify',
        title: `Read every backup of ${host}, and list the damaged ones`,
        commands: [fleet.tool(host, [...reading, 'verify'], { accepts: [0, 4] })],
      },
      {
        id: 'repair',
        title: 'Move damaged backups aside, to .whisper-backup/quarantine/ in the bucket',
        commands: [fleet.tool(host, [...reading, '--repair', 'verify'], { accepts: [0, 4] })],
        asks: `Move the damaged backups of ${host} aside?`,
      },
      backupStep(fleet, host, { id: 'backup', why: 'stores each metric again whose newest backup is not good' }),
      {
        id: 'verify-again',
        title: 'Read every backup again: no damage must remain',
        commands: [fleet.tool(host, [...reading, 'verify'])],
      },
    ],
    mind: [
      'A backup of a file that was already damaged when it was backed up is not damage of the bucket: it is noted, and stays.',
      'States that exist only in damaged backups are lost; each metric keeps its older and newer backups.',
      'A damaged backup cannot be stored again if its metric is no longer in the tree.',
      'Backups that were moved aside are not deleted: find out why they are damaged, then delete them by hand.',
    ],
  };
}

await runRunbook(bucketDamaged);
