import { Fleet } from './engine/fleet.ts';
import { runRunbook } from './engine/run.ts';
import type { Plan, Runbook, Values } from './engine/runbook.ts';
import { backupStep } from './steps/backup.ts';

const bucketDamaged: Runbook = {
  name: 'bucket-damaged',
  title: 'Backups of a bucket are damaged: find them, move them aside, store the metrics again',
  options: [
    { name: 'host', value: 'host', isRequired: true, kind: 'host', text: 'The host whose bucket it is' },
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
        title: `Read every backup of ${host}, and name those that are damaged`,
        commands: [fleet.tool(host, [...reading, 'verify'], { accepts: [0, 4] })],
      },
      {
        id: 'repair',
        title: 'Move what is damaged aside, below .whisper-backup/quarantine/ of the bucket',
        commands: [fleet.tool(host, [...reading, '--repair', 'verify'], { accepts: [0, 4] })],
        asks: `Move the damaged backups of ${host} aside?`,
      },
      backupStep(fleet, host, { id: 'backup', why: 'it stores again what has no good newest backup' }),
      {
        id: 'verify-again',
        title: 'Read every backup again: nothing may be damaged now',
        commands: [fleet.tool(host, [...reading, 'verify'])],
      },
    ],
    mind: [
      'A backup of a file that was damaged already when it was backed up is not damage of the bucket: it is noted, and stays.',
      'The states that only the damaged backups held are lost; each metric keeps its older and newer backups.',
      'A damaged backup of a metric that is gone from the tree cannot be stored again.',
      'What was moved aside is not deleted: look why it was damaged, then delete it by hand.',
    ],
  };
}

await runRunbook(bucketDamaged);
